"""The training section of a recipe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luts.errors import UserError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FADSettings(_Section):
    """Feature Alignment Distillation; the paper's training-time form is unpublished.

    Attributes:
        taps: which of the five features are compared (0 the stem … 4 the output).
        pool: how channels become one map: ``max`` (as in the released search code) or ``mean``.
        norm: distance between maps, ``l2`` or ``l1``.
        weight: factor beside the sequence loss; 0 switches distillation off.
        initial_head: start from the teacher's head, which all architectures share (our design).
    """

    taps: tuple[int, ...] = (1, 2, 3, 4)
    pool: Literal["max", "mean"] = "max"
    norm: Literal["l1", "l2"] = "l2"
    weight: float = Field(default=0.1, ge=0)
    initial_head: bool = True


class SandwichSettings(_Section):
    """Architectures of one step: the largest, the smallest and some random ones."""

    random: int = Field(default=1, ge=0)


class RenderSection(_Section):
    """Size of rendered pairs and range of their motion."""

    height: int = Field(default=160, multiple_of=8, ge=32)
    width: int = Field(default=224, multiple_of=8, ge=32)
    largest_motion_px: float = Field(default=24.0, gt=0)


class TrainingSettings(_Section):
    """How reference and supernet are trained; both take the same number of steps.

    Attributes:
        steps: optimiser steps.
        batch: pairs per step.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: AdamW's.
        iterations: recurrent updates during training.
        gamma: weight ratio of successive iterations in the sequence loss.
        matching: weight of the cross-entropy of correlations (our design; 0 switches it off).
        noisy_start: share of each batch that starts at the true flow plus noise, in the first half
            of the training: teaches the recurrent unit to read small residuals (our design).
        clip: largest norm of the gradient.
        precision: ``auto`` takes bf16 where the processor multiplies matrices in it.
        render: rendered pairs.
        sandwich: sampling rule of the supernet.
        fad: distillation from the reference.
    """

    steps: int = Field(default=6000, gt=0)
    batch: int = Field(default=2, gt=0)
    learning_rate: float = Field(default=5e-4, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    iterations: int = Field(default=6, gt=0)
    gamma: float = Field(default=0.8, gt=0, le=1)
    matching: float = Field(default=0.5, ge=0)
    noisy_start: float = Field(default=0.5, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    render: RenderSection = RenderSection()
    sandwich: SandwichSettings = SandwichSettings()
    fad: FADSettings = FADSettings()


def training_settings(recipe: str, section: dict[str, Any]) -> TrainingSettings:
    """Checks the training section of a recipe.

    Raises:
        UserError: a field is unknown or out of range; the message names it.
    """
    try:
        return TrainingSettings.model_validate(section)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"recipe {recipe}: training.{place} = {first['input']!r}: {first['msg']}"
        ) from None
