"""What a distribution's samples cost beyond a target (FP-NAS, arXiv 2011.10949)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from luts.prices import Prices
from luts.space import OperatorSpace, Vectors
from supernet.training.image_settings import ParsecSettings
from supernet.training.sampling import gflops

Floats = npt.NDArray[np.float64]


class Price(Protocol):
    """Judges architectures."""

    def over(self, vectors: Vectors) -> Floats:
        """How far they exceed the target, as a share of it, 0 within; shape ``(count,)``."""
        ...


class WorkPrice:
    """C = max(0, FLOPs / target - 1).

    Args:
        space: of the architectures.
        target_gflops: of the whole network.
    """

    def __init__(self, space: OperatorSpace, target_gflops: float) -> None:
        self.space, self.target_gflops = space, target_gflops

    def over(self, vectors: Vectors) -> Floats:
        """See `Price`."""
        work = np.array([gflops(self.space, vector) for vector in vectors])
        return np.maximum(0, work / self.target_gflops - 1)


class LimitPrice:
    """The same of any additive limits, such as a predicted latency; several are summed.

    Args:
        space: of the architectures.
        prices: what each factor uses of the limits.
    """

    def __init__(self, space: OperatorSpace, prices: Prices) -> None:
        self.space, self.prices = space, prices

    def over(self, vectors: Vectors) -> Floats:
        """See `Price`."""
        beyond = np.maximum(0, self.prices.shares(self.space, vectors) - 1)
        return np.asarray(beyond.sum(axis=0))


def make_price(space: OperatorSpace, settings: ParsecSettings) -> Price | None:
    """The price that the settings name, or None.

    Raises:
        UserError: there is a weight but no target, a target but no weight, or two targets.
    """
    targets = [name for name in ("target_gflops", "prices") if getattr(settings, name) is not None]
    if len(targets) > 1:
        raise UserError("training.parsec: give target_gflops or prices, not both")
    if bool(targets) != (settings.cost > 0):
        lacks = "give target_gflops or prices" if settings.cost > 0 else "give cost, such as 0.3"
        held = targets[0] if targets else f"cost {settings.cost}"
        raise UserError(f"training.parsec: {held} alone does nothing; {lacks}")
    if settings.target_gflops is not None:
        return WorkPrice(space, settings.target_gflops)
    if settings.prices is not None:
        return LimitPrice(space, Prices.load(settings.prices, space))
    return None
