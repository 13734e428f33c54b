"""Losses of trainings over what they cost: what each took to the same loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks._trainings import CPU_CLOCK

Curve = list[dict[str, float]]


def curve(
    records: Sequence[Mapping[str, float]], by: str = "expected", clock: str = CPU_CLOCK
) -> Curve:
    """Samples, seconds of training and loss at every validation.

    Args:
        records: a training's journal; each tells the mean seconds of the steps since the last.
        by: which architectures' loss.
        clock: what of a record is the seconds of a step.
    """
    seconds, before, points = 0.0, 0, []
    for record in records:
        step = int(record["step"])
        seconds += (step - before) * record[clock]
        before = step
        if f"validation_loss_{by}" in record:
            points.append({
                "step": float(step), "samples": record["samples_total"], "seconds": seconds,
                "loss": record[f"validation_loss_{by}"],
                "error": record[f"validation_error_{by}"], "entropy": record["entropy"],
            })
    return points


def reached(points: Curve, level: float) -> dict[str, float] | None:
    """Steps, samples and seconds at which a loss is first no larger than a level, or None.

    Between two validations all are interpolated linearly in the loss.
    """
    before: dict[str, float] | None = None
    for point in points:
        if point["loss"] <= level:
            if before is None:
                share = 1.0
            else:
                share = (before["loss"] - level) / (before["loss"] - point["loss"])
            start = before or point
            return {key: start[key] + share * (point[key] - start[key])
                    for key in ("step", "samples", "seconds")}
        before = point
    return None


def compared(curves: Mapping[str, Curve], baseline: str) -> dict[str, Any]:
    """What each took to the lowest level that all reach, and over the baseline's where it is there.

    Args:
        curves: by variant, none of them empty.
        baseline: one of them.
    """
    level = max(min(point["loss"] for point in points) for points in curves.values())
    taken = {name: reached(points, level) for name, points in curves.items()}
    base = taken.get(baseline)
    over = {
        name: {key: own[key] / base[key] for key in ("samples", "seconds")}
        for name, own in taken.items() if own is not None and base is not None and name != baseline
    }
    return {"level": level, "taken": taken, "over": over,
            "last": {name: points[-1] for name, points in curves.items()}}
