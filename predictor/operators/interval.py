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
# Standard deviations in the half width of a 95 % interval.
_NORMAL = 1.96
# Added per log unit outside the trained range, as a share of the margin.
_WIDENING = 0.5


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval around predictions.

    Attributes:
        margin: half width in log units within the trained range.
    """

    margin: float

    @property
    def scatter(self) -> float:
        """Standard deviation that the half width of a 95 % interval stands for."""
        return self.margin / _NORMAL

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

    def after(self, fresh: Interval, missed: Floats) -> Interval:
        """Of a device that came with a few measurements: this interval is of known devices.

        Args:
            fresh: interval of a device without any.
            missed: log(measured / predicted) of its measurements after adapting to them.
        """
        rows = len(missed)
        # Level: what adapting left unknown shrinks with the rows. Scatter: the device's own,
        # mixed with the known devices', which count as _PRIOR_ROWS rows.
        level = max(fresh.margin**2 - self.margin**2, 0.0) / (1 + rows)
        usual = self.scatter**2
        own = float((missed**2).sum())
        scatter = self.margin**2 * max(1.0, (own / usual + _PRIOR_ROWS) / (rows + _PRIOR_ROWS))
        return Interval(math.sqrt(level + scatter))

    def widths(self, beyond: Floats) -> Floats:
        """Half widths, wider outside the trained range; shape ``(rows,)``."""
        return np.asarray(self.margin * (1 + _WIDENING * beyond))
