"""Learning rate over a run."""

from __future__ import annotations

WARM_UP = 0.05


def one_cycle(
    step: int, steps: int, peak: float, warm_up: float = WARM_UP, final: float = 0.0
) -> float:
    """Linear warm-up over the first 5 % and linear decay (RAFT's schedule, which ends at 0).

    Args:
        step: index of the step about to be made, from 0.
        steps: length of the schedule.
        peak: largest learning rate.
        warm_up: share of the schedule in which the rate rises.
        final: rate at the end.
    """
    warm = max(1, round(warm_up * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return final + (peak - final) * max(0.0, (steps - step) / max(1, steps - warm))
