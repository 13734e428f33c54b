"""How far a measurement may lie from a prediction, in log units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from predictor.conformal import fewest_scores, upper_quantile
from predictor.extremes import Floats

# Spread that an operator kind is believed to have before it has shown its own, in rows' worth.
_PRIOR_SPREAD = 0.5
_PRIOR_ROWS = 4
# Added per log unit outside the trained range, as a share of the margin.
_WIDENING = 0.5


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval around predictions.

    Attributes:
        margin: half width in log units within the trained range.
    """

    margin: float

    @classmethod
    def fit(cls, residuals: Floats, level: float) -> Interval:
        """Split-conformal where the rows suffice, else Student's t with a wide prior.

        Args:
            residuals: log(measured / predicted) of rows that the model had not seen,
                shape ``(rows,)``; may be empty.
            level: share of measurements that the interval must hold.
        """
        scores = np.abs(residuals[np.isfinite(residuals)])
        if len(scores) >= fewest_scores(level):
            return cls(upper_quantile(scores, level))
        from scipy.stats import t

        rows = len(scores)
        total = float((scores**2).sum()) + _PRIOR_ROWS * _PRIOR_SPREAD**2
        spread = math.sqrt(total / (rows + _PRIOR_ROWS)) * math.sqrt(1 + 1 / (rows + 1))
        return cls(float(t.ppf((1 + level) / 2, rows + _PRIOR_ROWS - 1)) * spread)

    def widths(self, beyond: Floats) -> Floats:
        """Half widths, wider outside the trained range; shape ``(rows,)``."""
        return np.asarray(self.margin * (1 + _WIDENING * beyond))
