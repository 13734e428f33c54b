"""The training section of a recipe."""

from __future__ import annotations

from typing import Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from luts.errors import UnknownNameError, UserError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FADSettings(_Section):
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


class SandwichSettings(_Section):
    """Architectures of one step; the paper does not say how they are drawn.

    Attributes:
        largest: take the largest architecture in every step (AttentiveNAS's sandwich).
        smallest: take the smallest.
        random: number of random ones.
        sampler: ``uniform``, or ``flops``: after the first, redraw up to 100 times until the
            FLOPs fall into the first one's bucket (a leftover of the released code).
        flops_bucket: width of such a bucket in GFLOPs of the whole network.
        in_place: weight of the distance from the largest's flow, which the others imitate
            (AttentiveNAS's in-place distillation; 0 switches it off).
    """

    largest: bool = True
    smallest: bool = True
    random: int = Field(default=1, ge=0)
    sampler: Literal["uniform", "flops"] = "uniform"
    flops_bucket: float = Field(default=0.05, gt=0)
    in_place: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.largest or self.smallest or self.random):
            raise ValueError("a step needs at least one architecture")
        if self.in_place > 0 and not self.largest:
            raise ValueError("in_place needs the largest architecture in every step")
        return self


class RenderSection(_Section):
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


class TrainingSettings(_Section):
    """How networks are trained; reference, supernet and baselines take the same steps.

    Attributes:
        data: what a stage trains on: ``rendered``, a mix of the recipe's ``data`` section, or
            ``own``: all data sets of a folder.
        steps: optimiser steps.
        batch: pairs per step, over all processes.
        learning_rate: peak of the one-cycle schedule.
        warm_up: share of the schedule in which the rate rises.
        extra_steps: the schedule's length beyond ``steps`` (RAFT: 100).
        weight_decay: AdamW's.
        iterations: recurrent updates during training.
        gamma: weight ratio of successive iterations in the sequence loss.
        matching: weight of the cross-entropy of correlations (our design; 0 switches it off).
        noisy_start: share of each batch that starts at the true flow plus noise, in the first half
            of the training: teaches the recurrent unit to read small residuals (our design).
        clip: largest norm of the gradient.
        clip_value: largest entry of the gradient, before its norm is limited (None: any).
        ema: decay of a moving average of the weights, which is then what is validated and handed
            on (0 switches it off).
        freeze_batch_norm: batch norms of stand-alone networks keep the statistics of the stage
            before (RAFT, after chairs). A supernet always uses those of its batch.
        precision: ``auto`` takes bf16 where the processor multiplies matrices in it.
        compile: compile the head, which all architectures share.
        head_init: ``kaiming`` keeps the size of what passes each layer (our design), ``torch`` is
            PyTorch's own (RAFT).
        calibration_pairs: frames that settle the batch norms of each architecture.
        render: rendered pairs.
        sandwich: sampling rule of the supernet.
        fad: distillation from the reference.
    """

    data: str = "rendered"
    steps: int = Field(default=6000, gt=0)
    batch: int = Field(default=2, gt=0)
    learning_rate: float = Field(default=5e-4, gt=0)
    warm_up: float = Field(default=0.05, gt=0, lt=1)
    extra_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    iterations: int = Field(default=6, gt=0)
    gamma: float = Field(default=0.8, gt=0, le=1)
    matching: float = Field(default=0.5, ge=0)
    noisy_start: float = Field(default=0.5, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    clip_value: float | None = Field(default=None, gt=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    freeze_batch_norm: bool = False
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    head_init: Literal["kaiming", "torch"] = "kaiming"
    calibration_pairs: int = Field(default=8, gt=0)
    render: RenderSection = RenderSection()
    sandwich: SandwichSettings = SandwichSettings()
    fad: FADSettings = FADSettings()


def training_settings(
    recipe: str, section: dict[str, Any], stage: str | None = None
) -> TrainingSettings:
    """Checks the training section of a recipe.

    Args:
        recipe: its name, for error messages.
        section: the section; ``stages`` maps names to what is different in them.
        stage: one of them (None: none; the section must then have no ``stages``).

    Raises:
        UserError: a field is unknown or out of range; the message names it.
    """
    fields = dict(section)
    place = "training"
    if stage is not None:
        stages = fields.pop("stages", {})
        if stage not in stages:
            raise UnknownNameError(f"stage of recipe {recipe}", stage, stages)
        fields = merged(fields, stages[stage])
        place = f"training.stages.{stage} (or training)"
    try:
        return TrainingSettings.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([place, *(str(part) for part in first["loc"])])
        raise UserError(
            f"recipe {recipe}: {where} = {first['input']!r}: {first['msg']}"
        ) from None


def merged(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Fields with some replaced; sections are merged field by field."""
    result = dict(fields)
    for name, value in changes.items():
        held = result.get(name)
        deeper = isinstance(held, dict) and isinstance(value, dict)
        result[name] = merged(cast(dict[str, Any], held), value) if deeper else value
    return result
