"""What a user may write as a limit: ``45``, ``45ms`` or ``80%``; ``600k`` for counts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from luts.errors import UserError

_FORM = re.compile(r"\s*(?P<number>[-+]?[.\w]+?(?:e[-+]?\d+)?)\s*(?P<unit>%|ms|mib|mj|[kmg]|)\s*",
                   re.IGNORECASE)
_THOUSANDS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}


@dataclass(frozen=True)
class Unit:
    """How a limit on something is written.

    Attributes:
        units: what may follow the number, and what it is worth; percent is always allowed.
        example: for error messages.
    """

    units: dict[str, float]
    example: str


MILLISECONDS = Unit({"": 1.0, "ms": 1.0}, "45, 45ms or 80%")
_ABSOLUTE = Unit(MILLISECONDS.units, "45 or 45ms")
QUANTITIES = {
    "memory_mib": Unit({"": 1.0, "mib": 1.0}, "20, 20MiB or 80%"),
    "parameters": Unit(_THOUSANDS, "600000, 600k or 80%"),
    "flops": Unit(_THOUSANDS, "3.5e9, 3.5G or 80%"),
    "energy_mj": Unit({"": 1.0, "mj": 1.0}, "250, 250mJ or 80%"),
}


def parse_amount(text: str, reference: float, unit: Unit, *, option: str) -> float:
    """Reads a limit.

    Args:
        text: a positive number with or without a unit, or a percentage of the reference's value.
        reference: the reference's value.
        unit: what can be written.
        option: where the text was given, for error messages.

    Returns:
        The limit, in the reference's unit.

    Raises:
        UserError: it is none of these, or not finite and above zero.
    """
    match = _FORM.fullmatch(text)
    suffix = match["unit"].lower() if match is not None else ""
    try:
        number = float(match["number"]) if match is not None else math.nan
    except ValueError:
        number = math.nan
    known = suffix == "%" or suffix in unit.units
    if not known or not math.isfinite(number) or number <= 0:
        raise UserError(
            f"{option} '{text}' is no budget; give a number above 0 such as {unit.example}"
        )
    return number * reference / 100 if suffix == "%" else number * unit.units[suffix]


def parse_budget(text: str, reference_ms: float, *, option: str) -> float:
    """Reads a latency budget.

    Args:
        text: a positive number of milliseconds, with or without ``ms``, or a percentage of the
            reference's predicted latency.
        reference_ms: the reference's predicted latency.
        option: where the text was given, for error messages.

    Returns:
        The budget in ms.

    Raises:
        UserError: it is none of these, or not finite and above zero.
    """
    return parse_amount(text, reference_ms, MILLISECONDS, option=option)


def parse_range(text: str, *, option: str) -> tuple[str, str]:
    """Reads a range of latency budgets, such as ``50%..120%`` or ``40ms..80ms``.

    Args:
        text: two budgets of one kind, the lower one first.
        option: where the text was given, for error messages.

    Returns:
        Both budgets, as text.

    Raises:
        UserError: it is no such range.
    """
    low, dots, high = (part.strip() for part in text.partition(".."))
    if not dots or ("%" in low) != ("%" in high):
        raise UserError(f"{option} '{text}' is no range; give two budgets of one kind, such as "
                        "50%..120% or 40ms..80ms")
    if not parse_budget(low, 1.0, option=option) < parse_budget(high, 1.0, option=option):
        raise UserError(f"{option} '{text}' must begin with the lower budget")
    return low, high


def milliseconds_only(text: str, *, option: str) -> float:
    """Reads a budget that must be absolute.

    Args:
        text: a positive number of milliseconds, with or without ``ms``.
        option: where the text was given, for error messages.

    Raises:
        UserError: it is a percentage, or not finite and above zero.
    """
    if "%" in text:
        raise UserError(f"{option} '{text}' must be in milliseconds; for a share use --latency")
    return parse_amount(text, math.nan, _ABSOLUTE, option=option)
