"""The training section of a recipe of optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from luts.recipes import read_recipe
from supernet.training.common import CommonSettings, SandwichSettings, Section, checked, merged
from supernet.training.overrides import overrides

__all__ = ["FADSettings", "RenderSection", "SandwichSettings", "TrainingSettings", "merged",
           "rendered_settings", "training_settings"]


class FADSettings(Section):
    """Feature Alignment Distillation; the paper's training-time form is unpublished.

    Attributes:
        taps: which of the five features are compared (0 the stem … 4 the output).
        pool: how channels become one map: ``max`` (as in the released search code) or ``mean``.
        norm: distance between maps: ``l2`` or ``l1`` in each image, or ``pair``, the l2 norm over
            the two frames of a pair (as in the released search code).
        weight: factor beside the sequence loss; 0 switches distillation off.
        final_weight: share of the weight that is left at the last step; it changes linearly.
        teacher: stage whose reference teaches (None: the reference of the same stage).
        initial_head: start from the teacher's head, which all architectures share (our design).
    """

    taps: tuple[int, ...] = (1, 2, 3, 4)
    pool: Literal["max", "mean"] = "max"
    norm: Literal["l1", "l2", "pair"] = "l2"
    weight: float = Field(default=0.1, ge=0)
    final_weight: float = Field(default=1.0, ge=0)
    teacher: str | None = None
    initial_head: bool = True

    def weight_at(self, progress: float) -> float:
        """The weight when ``progress`` of the training, 0 to 1, lies behind."""
        return self.weight * (1 + (self.final_weight - 1) * progress)

    @model_validator(mode="after")
    def _taps_exist(self) -> Self:
        if not self.taps or not set(self.taps) <= set(range(5)):
            raise ValueError("taps are some of 0, 1, 2, 3, 4")
        return self


class RenderSection(Section):
    """Size of pairs, renderer and range of motion.

    Attributes:
        height: rows of rendered pairs, and of crops from a folder without a mix of the recipe's.
        width: columns.
        largest_motion_px: of rendered pairs.
        version: renderer; weights are worth what they were trained on (docs/decisions).
    """

    height: int = Field(default=160, multiple_of=8, ge=32)
    width: int = Field(default=224, multiple_of=8, ge=32)
    largest_motion_px: float = Field(default=24.0, gt=0)
    version: Literal["layers", "scenes"] = "layers"


class TrainingSettings(CommonSettings):
    """See `CommonSettings`; here is what flow adds.

    Attributes:
        data: what a stage trains on: ``rendered``, a mix of the recipe's ``data`` section, or
            ``own``: all data sets of a folder.
        iterations: recurrent updates during training.
        gamma: weight ratio of successive iterations in the sequence loss.
        matching: weight of the cross-entropy of correlations (our design; 0 switches it off).
        noisy_start: share of each batch that starts at the true flow plus noise, in the first half
            of the training: teaches the recurrent unit to read small residuals (our design).
        freeze_batch_norm: batch norms of stand-alone networks keep the statistics of the stage
            before (RAFT, after chairs). A supernet always uses those of its batch.
        compile: compile the head, which all architectures share.
        head_init: ``kaiming`` keeps the size of what passes each layer (our design), ``torch`` is
            PyTorch's own (RAFT).
        shortcut_init: first weights of the shortcuts between cells of different widths:
            ``kaiming``, or ``identity``: an architecture whose widths are equal, and which has no
            weights there, then sees the features that the others see (our design).
        calibration_pairs: frames that settle the batch norms of each architecture.
        render: rendered pairs.
        fad: distillation from the reference.
    """

    examples: ClassVar[str] = "pairs"
    figure: ClassVar[str] = "epe"

    data: str = "rendered"
    steps: int = Field(default=6000, gt=0)
    batch: int = Field(default=2, gt=0)
    iterations: int = Field(default=6, gt=0)
    gamma: float = Field(default=0.8, gt=0, le=1)
    matching: float = Field(default=0.5, ge=0)
    noisy_start: float = Field(default=0.5, ge=0, le=1)
    freeze_batch_norm: bool = False
    compile: bool = False
    head_init: Literal["kaiming", "torch"] = "kaiming"
    shortcut_init: Literal["kaiming", "identity"] = "kaiming"
    calibration_pairs: int = Field(default=8, gt=0)
    render: RenderSection = RenderSection()
    fad: FADSettings = FADSettings()

    @property
    def teaching_stage(self) -> str | None:
        """See `CommonSettings`."""
        return self.fad.teacher


def training_settings(
    recipe: str, section: dict[str, Any], stage: str | None = None
) -> TrainingSettings:
    """Checks the training section of a recipe of optical flow; see `checked`."""
    return checked(TrainingSettings, recipe, section, stage)


def rendered_settings(
    recipe: str, changes: Sequence[str] = (), steps: int | None = None
) -> TrainingSettings:
    """How a recipe trains from scratch (in its first stage, if it has stages), on rendered pairs.

    Args:
        recipe: name.
        changes: see `overrides`.
        steps: steps (None: the recipe's).

    Raises:
        UserError: no such recipe, or a setting is unknown or out of range.
    """
    section = overrides(
        read_recipe(recipe).get("training", {}), changes, steps, data="rendered"
    )
    return training_settings(recipe, section, next(iter(section.get("stages", {})), None))
