"""How each data set is scored: iterations, padding, averaging, and on which of its pairs.

Those of FlyingChairs, Sintel and KITTI are RAFT's (Teed and Deng, ECCV 2020, released code);
FlowNAS reports by the same. RAFT scores neither FlyingThings3D nor HD1K: they take over Sintel's
and KITTI's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Padding = Literal["sintel", "kitti"]
Average = Literal["pixels", "pairs"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """Attributes of a score.

    Attributes:
        iterations: recurrent updates (None: as the network is deployed).
        padding: where frames grow to multiples of 8: ``sintel`` on all sides, ``kitti`` at the
            left, right and bottom.
        average: EPE is the mean over all ``pixels``, or over ``pairs`` of each pair's mean.
        outliers: the same of shares of outliers.
        split: which pairs are scored: the held-out ones (``val``), or ``all``.
        headline: the metric that the data set is known for.
    """

    iterations: int | None
    padding: Padding
    average: Average
    outliers: Average
    split: Literal["all", "val"]
    headline: Literal["epe", "fl_all"]


CHAIRS = Protocol(24, "sintel", "pixels", "pixels", "val", "epe")
SINTEL = Protocol(32, "sintel", "pixels", "pixels", "all", "epe")
THINGS = Protocol(32, "sintel", "pixels", "pixels", "val", "epe")
KITTI = Protocol(24, "kitti", "pairs", "pixels", "all", "fl_all")
HD1K = Protocol(24, "kitti", "pairs", "pixels", "all", "fl_all")
# Networks are compared as deployed, and each pair counts alike.
OWN = Protocol(None, "sintel", "pairs", "pairs", "all", "epe")
