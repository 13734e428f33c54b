"""One step of a torch program, and how it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from luts.errors import UserError


@dataclass(slots=True)
class Step:
    """One node that runs in every inference.

    Attributes:
        name: its node's name.
        kind: its operator type.
        call: the torch function with its attributes bound.
        arguments: tensor names, or constants.
        inputs: tensor names that it reads.
        outputs: tensor names that it makes.
        frees: tensor names that nothing needs after it.
    """

    name: str
    kind: str
    call: Callable[..., Any]
    arguments: list[Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    frees: list[str] = field(default_factory=list)


def execute(step: Step, values: dict[str, Tensor]) -> None:
    """Executes one step and drops what is no longer needed."""
    arguments = [values[item] if isinstance(item, str) else item for item in step.arguments]
    made = step.call(*arguments)
    values.update(zip(step.outputs, made if isinstance(made, tuple) else (made,), strict=True))
    for name in step.frees:
        del values[name]


def execute_once(step: Step, values: dict[str, Tensor]) -> Any:
    """What a step makes of its inputs, which stay; a tuple where it makes several.

    Raises:
        UserError: torch cannot do it, with the first line of its reason.
    """
    arguments = [values[item] if isinstance(item, str) else item for item in step.arguments]
    try:
        return step.call(*arguments)
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        told = str(error).splitlines() or ["no reason given"]
        raise UserError(f"node '{step.name}': {step.kind} fails in torch ({told[0]})") from None
