"""A budget with a unit is understood as what it says, or refused in one line that repeats it."""

from __future__ import annotations

import re

import pytest

from evolution.budget import milliseconds_only, parse_budget
from luts.errors import UserError


@pytest.mark.parametrize(("text", "meant_ms"), [
    ("45ms", 45.0), ("45 ms", 45.0), ("45MS", 45.0), ("0.045s", 45.0), ("45 seconds", 45_000.0),
    ("45us", 0.045), ("45 fps", None), ("ms", None), ("45ms45", None), ("", None),
])  # fmt: skip
def test_units(text: str, meant_ms: float | None) -> None:
    for read in (lambda: parse_budget(text, 100.0, option="--latency"),
                 lambda: milliseconds_only(text, option="--latency-ms")):
        try:
            budget_ms = read()
        except UserError as error:
            assert f"'{text}'" in str(error)
            assert "\n" not in str(error)
            assert re.search(r"such as 45(, 45ms or 80%| or 45ms)$", str(error))
        else:
            assert budget_ms == pytest.approx(meant_ms)
    if text.lower().endswith("ms") and meant_ms is not None:
        assert parse_budget(text, 100.0, option="--latency") == meant_ms


def test_what_must_be_absolute_does_not_recommend_a_share() -> None:
    with pytest.raises(UserError) as refused:
        milliseconds_only("0.05s", option="--latency-ms")
    assert "--latency-ms '0.05s' is no budget" in str(refused.value)
    assert "%" not in str(refused.value)
