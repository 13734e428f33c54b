"""What the training sections of all tasks have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal, Self, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from luts.errors import UnknownNameError, UserError

S = TypeVar("S", bound="CommonSettings")
M = TypeVar("M", bound=BaseModel)


class Section(BaseModel):
    """Part of a recipe: unknown fields are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SandwichSettings(Section):
    """Architectures of one step; the FlowNAS paper does not say how they are drawn.

    Attributes:
        largest: take the largest architecture in every step (AttentiveNAS's sandwich).
        smallest: take the smallest.
        random: number of random ones. Alone, 1 is the uniform single path.
        sampler: ``uniform``, or ``flops``: after the first, redraw up to 100 times until the
            FLOPs fall into the first one's bucket (a leftover of FlowNAS's released code).
        flops_bucket: width of such a bucket in GFLOPs of the whole network.
        in_place: weight of the distance from the largest's result, which the others imitate
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


class CommonSettings(Section):
    """How networks are trained; reference, supernet and baselines take the same steps.

    Attributes:
        examples: what a batch is made of, in words.
        figure: the metric that progress shows.
        data: what a stage trains on; its task says what there is.
        steps: optimiser steps.
        batch: examples per step, over all processes.
        optimiser: ``adamw``, or ``sgd`` with ``momentum``.
        momentum: of SGD.
        learning_rate: peak of the one-cycle schedule.
        warm_up: share of the schedule in which the rate rises.
        final_learning_rate: rate that the schedule falls to.
        extra_steps: the schedule's length beyond ``steps`` (RAFT: 100).
        weight_decay: the optimiser's.
        decay_norms: whether norms and biases decay too.
        clip: largest norm of the gradient (None: any).
        clip_value: largest entry of the gradient, before its norm is limited (None: any).
        ema: decay of a moving average of the weights, which is then what is validated and handed
            on (0 switches it off).
        precision: ``auto`` takes bf16 where the processor multiplies matrices in it.
        sandwich: sampling rule of the supernet.
    """

    examples: ClassVar[str] = "examples"
    figure: ClassVar[str] = "loss"

    data: str
    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    warm_up: float = Field(default=0.05, ge=0, lt=1)
    final_learning_rate: float = Field(default=0.0, ge=0)
    extra_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    decay_norms: bool = True
    clip: float | None = Field(default=1.0, gt=0)
    clip_value: float | None = Field(default=None, gt=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    sandwich: SandwichSettings = SandwichSettings()

    @property
    def teaching_stage(self) -> str | None:
        """Stage whose reference teaches (None: that of the same stage)."""
        return None


def checked(kind: type[S], recipe: str, section: dict[str, Any], stage: str | None = None) -> S:
    """Checks the training section of a recipe.

    Args:
        kind: settings of its task.
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
    return checked_fields(kind, f"recipe {recipe}: {place}", fields)


def checked_fields(kind: type[M], place: str, fields: dict[str, Any]) -> M:
    """Checks a section.

    Args:
        kind: of the section.
        place: what to call it in error messages.
        fields: as given.

    Raises:
        UserError: a field is unknown or out of range, or several do not fit together.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        where = ".".join([place, *(str(part) for part in first["loc"])])
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(_fields(kind, first["loc"][:-1])))
            raise UserError(f"{where} = {first['input']!r}: not permitted; there are {known}") \
                from None
        if isinstance(first["input"], dict):  # several fields of it, which the message names
            raise UserError(f"{where}: {message}") from None
        raise UserError(f"{where} = {first['input']!r}: {message}") from None


def _fields(kind: type[BaseModel], place: Sequence[int | str]) -> Iterable[str]:
    """Names that a section, or one within it, may hold."""
    for part in place:
        if isinstance(part, int):  # of a list; what it holds is known by now
            continue
        inner = kind.model_fields[str(part)].annotation
        options = [inner, *get_args(inner)]
        kind = next(one for one in options
                    if isinstance(one, type) and issubclass(one, BaseModel))
    return kind.model_fields


def merged(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Fields with some replaced; sections are merged field by field."""
    result = dict(fields)
    for name, value in changes.items():
        held = result.get(name)
        deeper = isinstance(held, dict) and isinstance(value, dict)
        result[name] = merged(cast(dict[str, Any], held), value) if deeper else value
    return result
