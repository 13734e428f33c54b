from __future__ import annotations

import math

import pytest

from evolution.progress import PlainView
from evolution.scoring import Candidate
from evolution.status import Status


def candidate(latency_ms: float, epe: float | None, generation: int = 0) -> Candidate:
    metrics = {} if epe is None else {"epe": epe}
    return Candidate((0,), generation, latency_ms, latency_ms, metrics, epe or 9.0, 1.0)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def status() -> tuple[Status, Clock]:
    clock = Clock()
    made = Status(clock)
    made.begin(10, "epe")
    return made, clock


def test_the_rate_counts_what_is_scored_and_not_what_the_journal_knew() -> None:
    made, clock = status()
    for _ in range(4):
        made.scored(candidate(1.0, 2.0), None, math.nan)
    assert made.per_minute is None
    made.working()
    for _ in range(3):
        clock.now += 20.0
        made.scored(candidate(1.0, 2.0), None, math.nan)
    assert made.per_minute == pytest.approx(3.0)
    figures = dict(made.figures())
    assert figures["scored"] == "7/10"
    assert figures["left"] == "1:00"
    assert "feasible" not in figures and "best" not in figures


def test_a_measurement_in_between_does_not_slow_the_rate_down() -> None:
    made, clock = status()
    made.working()
    clock.now += 10.0
    made.scored(candidate(1.0, 2.0), None, 0.25)
    made.rest()
    clock.now += 1000.0
    made.working()
    clock.now += 5.0
    made.scored(candidate(1.0, 2.0), None, 0.25)
    assert made.per_minute == pytest.approx(12.0)
    assert dict(made.figures())["feasible"] == "25.0%"
    made.scored(candidate(1.0, 2.0), None, 0.0004)
    assert dict(made.figures())["feasible"] == "0.04%"


def test_the_hypervolume_is_a_share_of_the_first_batchs_box() -> None:
    made, _ = status()
    made.scored(candidate(4.0, 2.0), None, math.nan)
    made.scored(candidate(2.0, 4.0), None, math.nan)
    assert dict(made.figures())["hypervolume"] == "0"
    made.scored(candidate(2.0, 2.0, 1), candidate(2.0, 2.0), math.nan)
    figures = dict(made.figures())
    assert figures["hypervolume"] == "0.25"
    assert figures["best"] == "epe 2.000 at 2.00 ms"
    made.scored(candidate(9.0, 9.0, 1), None, math.nan)
    made.scored(candidate(1.0, None, 1), None, math.nan)
    assert dict(made.figures())["hypervolume"] == "0.25"


def test_a_log_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView(every_seconds=0.0)
    view.begin(2, 5.0, "epe")
    view.working()
    view.scored(candidate(1.0, 2.0), None, 0.5)
    view.scored(candidate(1.0, 2.0), None, 0.5)
    view.end()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("scored 2/2  feasible 50.0%  hypervolume 0")
