"""Numbers above 0 that are read from text."""

from __future__ import annotations

import math


def positive(text: str) -> float | None:
    """The finite number above 0 that a text says; None where it says none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
