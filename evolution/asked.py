"""How a limit was asked for, so that a refusal repeats it and says what would do instead."""

from __future__ import annotations

import math
from dataclasses import dataclass

LATENCY, LATENCY_MS, PARETO, ALSO = "--latency", "--latency-ms", "--pareto", "--also-target"


@dataclass(frozen=True)
class Asked:
    """One limit as it was given.

    Attributes:
        option: where it was given: an option of the command line, or a place in a recipe.
        text: what was given there.
        budget: the part of it that is the limit, such as ``80%``; of a range, one end.
    """

    option: str
    text: str
    budget: str

    def __str__(self) -> str:
        return f"{self.option} {self.text}"

    def least_latency(self, low_ms: float, budget_ms: float) -> str:
        """What would have to be given at least.

        Args:
            low_ms: lowest latency that can be promised where the budget is given in this way; of a
                budget relative to the reference, bounds leave out the errors that both share.
            budget_ms: what this budget comes to.
        """
        if "%" in self.budget:
            share = float(self.budget.strip().rstrip("%")) * low_ms / budget_ms
            least = f"{math.ceil(10 * share) / 10:.1f}%"
        else:
            least = f"{math.ceil(1000 * low_ms) / 1000:.3f}" + (
                "" if self.option == LATENCY_MS else "ms")
        if self.option == PARETO:
            return f"a range that begins at {least} or above"
        if self.option == ALSO:
            return f"at least {least} there"
        # What a recipe says is given anew on the command line.
        return f"at least {self.option if self.option.startswith('--') else LATENCY} {least}"
