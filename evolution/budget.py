"""What a user may write as a latency budget: ``45``, ``45ms`` or ``80%``."""

from __future__ import annotations

import math
import re

from luts.errors import UserError

_FORM = re.compile(r"\s*(?P<number>[-+.\w]+?)\s*(?P<unit>%|ms|)\s*", re.IGNORECASE)


def parse_budget(text: str, reference_ms: float, *, option: str) -> float:
    """Reads a budget.

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
    match = _FORM.fullmatch(text)
    try:
        number = float(match["number"]) if match is not None else math.nan
    except ValueError:
        number = math.nan
    if match is None or not math.isfinite(number) or number <= 0:
        raise UserError(
            f"{option} '{text}' is no budget; give a number above 0 such as 45, 45ms or 80%"
        )
    return number * reference_ms / 100 if match["unit"] == "%" else number


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
    return parse_budget(text, math.nan, option=option)
