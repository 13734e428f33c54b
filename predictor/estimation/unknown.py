"""What is said of an operator whose kind was never measured: a wide guess, never 0."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, prod
from typing import Self

import numpy as np

from luts.errors import UserError
from luts.operator import DTYPE_BYTES, Operator
from predictor.extremes import Floats

# Never narrower than a factor of ten each way: another kind tells little of this one.
_LEAST = log(10)
_PRODUCTS = ("conv", "pointwise_conv", "linear", "matmul")
# Where no product was measured: 1 GFLOP/s.
_SLOW_MS_PER_GFLOP = 1e3


@dataclass(frozen=True, slots=True)
class UnknownKinds:
    """``overhead + bytes / bandwidth + flops / rate``, from all kinds that were measured.

    A kind with weights is taken to multiply each row of its input by all of them, as layers do.

    Attributes:
        overhead_ms: time of a step that moves nothing.
        ms_per_mb: time per 10^6 bytes moved.
        ms_per_gflop: time per 10^9 operations of products.
        reach: by which log factor the slowest kind exceeds that.
    """

    overhead_ms: float
    ms_per_mb: float
    ms_per_gflop: float
    reach: float

    @classmethod
    def fit(cls, operators: Sequence[Operator], latency_ms: Floats) -> Self:
        """Learns from operators of known kinds.

        Args:
            operators: measured.
            latency_ms: their latency, shape ``(operators,)``.
        """
        megabytes = np.array([bytes_of(operator) for operator in operators]) / 1e6
        overhead = float(np.percentile(latency_ms, 10))
        rest = np.maximum(latency_ms - overhead, 1e-6)
        slope = float(np.median((rest / megabytes)[megabytes >= np.median(megabytes)]))
        by_kind = defaultdict(list)
        for operator, ratio in zip(operators, np.log(latency_ms / (overhead + slope * megabytes)),
                                   strict=True):
            by_kind[operator.kind].append(ratio)
        # A new kind is one more draw from the kinds, so the worst of them is what it may be.
        worst = max(float(np.percentile(values, 95)) for values in by_kind.values())
        products = [place for place, operator in enumerate(operators)
                    if operator.kind in _PRODUCTS]
        gflops = np.array([operators[place].flops for place in products]) / 1e9
        rate = float(np.median(latency_ms[products] / gflops)) if products else _SLOW_MS_PER_GFLOP
        return cls(overhead, slope, rate, max(_LEAST, worst))

    def latency_ms(self, operator: Operator) -> float:
        """A guess, for instance for the sum of a network."""
        weights = operator.get("weights", 0)
        rows = prod(operator.inputs[0][:-1]) if operator.inputs else 1
        gflop = 2 * weights * rows / 1e9 if isinstance(weights, int) else 0.0
        return (self.overhead_ms + self.ms_per_mb * bytes_of(operator) / 1e6
                + self.ms_per_gflop * gflop)

    def upper_ms(self, operator: Operator) -> float:
        """What it hardly exceeds."""
        return self.latency_ms(operator) * exp(self.reach)


def bytes_of(operator: Operator) -> float:
    """Bytes that an operator moves at least; of a kind without a rule, what its shapes say."""
    try:
        return float(operator.bytes_moved)
    except UserError:
        to = operator.get("to", ())
        written = prod(to) if isinstance(to, tuple) and to else 0
        read = sum(map(prod, operator.inputs))
        return float((read + (written or read)) * DTYPE_BYTES[operator.dtype])
