"""How many inferences are enough."""

from __future__ import annotations

from dataclasses import dataclass

from luts.errors import UserError
from profiler._robust import Floats, median_error


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When sampling ends: enough samples, enough time, and a small or no longer shrinking error.

    Attributes:
        min_samples: undisturbed samples needed.
        min_seconds: time needed.
        max_seconds: time after which sampling ends whatever the error.
        max_samples: samples after which it ends.
        goal: relative standard error of the median that is good enough.
        shrink: the error must fall below this share of what it was at half the samples, or it no
            longer shrinks (it falls to 0.71 by itself where scatter is independent).
    """

    min_samples: int = 15
    min_seconds: float = 1.0
    max_seconds: float = 4.0
    max_samples: int = 2000
    goal: float = 0.004
    shrink: float = 0.9

    def __post_init__(self) -> None:
        if self.min_samples < 3 or self.max_samples < self.min_samples:
            raise UserError(
                f"needs 3 <= min_samples <= max_samples, got {self.min_samples} and "
                f"{self.max_samples}"
            )
        if not 0 <= self.min_seconds <= self.max_seconds:
            raise UserError(
                f"needs 0 <= min_seconds <= max_seconds, got {self.min_seconds} and "
                f"{self.max_seconds}"
            )

    def enough(self, kept: Floats, taken: int, seconds: float) -> bool:
        """Whether to stop.

        Args:
            kept: undisturbed samples in ms, in order, shape ``(n,)``.
            taken: samples taken, disturbed ones included.
            seconds: time spent sampling.
        """
        if taken >= self.max_samples or (seconds >= self.max_seconds and len(kept) >= 3):
            return True
        if len(kept) < self.min_samples or seconds < self.min_seconds:
            return False
        error = median_error(kept)
        return error <= self.goal or error > self.shrink * median_error(kept[: len(kept) // 2])
