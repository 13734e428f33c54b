"""How long kernels and whole networks take on a device of which only a data sheet is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luts.operator import DTYPE_BYTES
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operators.features import Indices
from predictor.unmeasured.kernels import CLASSES, PRODUCTS
from predictor.unmeasured.steps import Steps

# Arithmetic and traffic of one kernel overlap for the most part; so do host and device.
_OVERLAP = 3
_TOGETHER = 4
_TILE = 64
_CONVOLUTIONS = [CLASSES.index(name) for name in
                 ("dense", "pointwise", "depthwise", "grouped", "stem")]


@dataclass(frozen=True)
class Law:
    """``kernel = launch + ((arithmetic / u)^3 + (traffic / v)^3)^(1/3)``, for all devices.

    The utilisation ``u`` of a product falls with few columns and a short inner axis, and where it
    has fewer tiles than the device has multiprocessors: by
    ``n / (n + n') k / (k + k') w / (w + w')``. What fits into the cache moves faster, by the factor
    ``1 + c / (1 + (bytes / cache)^2)``. All numbers are natural logarithms.

    Attributes:
        utilisation: share of the peak rate, per class of ``PRODUCTS``.
        columns: n' per class of ``PRODUCTS``.
        depth: k' per class of ``PRODUCTS``.
        bandwidth: v, share of the peak bandwidth, per class of ``CLASSES``; values count as wide
            as the precision says, so that casts and rereading lower it.
        waves: w', tiles per multiprocessor at which a product reaches half its rate.
        cache: c.
        launch_ms: of one kernel on the device.
    """

    utilisation: tuple[float, ...]
    columns: tuple[float, ...]
    depth: tuple[float, ...]
    bandwidth: tuple[float, ...]
    waves: float
    cache: float
    launch_ms: float

    @property
    def vector(self) -> Floats:
        """All numbers in one array."""
        return np.array([*self.utilisation, *self.columns, *self.depth, *self.bandwidth,
                         self.waves, self.cache, self.launch_ms])

    @classmethod
    def of(cls, vector: Floats) -> Law:
        """The law of an array as `vector` gives it."""
        p, c = len(PRODUCTS), len(CLASSES)
        parts = np.split(np.asarray(vector, dtype=float), [p, 2 * p, 3 * p, 3 * p + c])
        first = [tuple(float(v) for v in part) for part in parts[:4]]
        return cls(first[0], first[1], first[2], first[3], *(float(v) for v in parts[4]))

    def kernels_ms(
        self, steps: Steps, device: DeviceFacts, precision: str, level: Level
    ) -> Floats:
        """Time of one execution of each step on the device, in ms, shape ``(steps,)``."""
        classes = steps.classes
        product = classes < len(PRODUCTS)
        place = np.where(product, classes, 0)
        n, k = steps["n"], steps["k"]
        tiles = steps["batch"] * np.ceil(steps["m"] / _TILE) * np.ceil(n / _TILE)
        waves = tiles / device.multiprocessors
        rate = np.exp(np.array(self.utilisation))[place]
        rate = rate * n / (n + np.exp(np.array(self.columns))[place])
        rate = rate * k / (k + np.exp(np.array(self.depth))[place])
        rate = rate * waves / (waves + np.exp(self.waves))
        # PyTorch lets convolutions, and nothing else, round fp32 to TF32 where the device has it.
        rounded = np.isin(classes, _CONVOLUTIONS)
        fast = device.peak("tf32" if precision == "fp32" else precision)
        peak = np.where(rounded, fast, device.peak(precision))
        compute = np.where(product, steps["flops"] / rate / peak / 1e6, 0.0)
        moved = DTYPE_BYTES[precision] * steps["values"]
        share = np.exp(np.array(self.bandwidth))[classes]
        share = share * (1 + np.exp(self.cache) / (1 + (moved / device.l2_mb / 2**20) ** 2))
        traffic = moved / share / device.bandwidth_gb_s / 1e6
        compute, traffic = compute * np.exp(level.compute), traffic * np.exp(level.traffic)
        both = np.cbrt(compute**_OVERLAP + traffic**_OVERLAP)
        return np.asarray(both + np.exp(self.launch_ms))


@dataclass(frozen=True)
class Level:
    """What is peculiar to a device and a precision; natural logarithms.

    Attributes:
        compute: factor on the time of arithmetic.
        traffic: factor on the time of traffic.
        host_ms: of launching one kernel; while the host launches, the device works on.
    """

    compute: float = 0.0
    traffic: float = 0.0
    host_ms: float = float(np.log(0.015))


def together(device_ms: Floats, host_ms: Floats) -> Floats:
    """Latency of a whole network from the times of device and host, which overlap.

    Args:
        device_ms: sum over kernels, any shape.
        host_ms: sum over launches, the same shape.
    """
    most = np.maximum(device_ms, host_ms)
    parts = (device_ms / most) ** _TOGETHER + (host_ms / most) ** _TOGETHER
    return np.asarray(most * parts ** (1 / _TOGETHER))


@dataclass(frozen=True)
class Stack:
    """Several networks in one array of steps.

    Attributes:
        steps: of all networks, one after the other.
        network: number of each step's network, shape ``(steps,)``.
        count: networks.
    """

    steps: Steps
    network: Indices
    count: int

    @classmethod
    def of(cls, networks: Sequence[Steps]) -> Stack:
        """Stacks networks, at least one."""
        numbers = [np.full(len(steps.values), i) for i, steps in enumerate(networks)]
        return cls(Steps.joined(networks),
                   np.concatenate(numbers).astype(np.int64), len(networks))

    def parts_ms(
        self, law: Law, device: DeviceFacts, precision: str, level: Level
    ) -> tuple[Floats, Floats]:
        """Time of each network on the device and on the host, each of shape ``(networks,)``."""
        count = self.steps["count"]
        each = law.kernels_ms(self.steps, device, precision, level) * count
        device_ms = np.bincount(self.network, each, self.count)
        launches = np.bincount(self.network, count, self.count)
        return device_ms.astype(float), launches.astype(float) * np.exp(level.host_ms)

    def latency_ms(
        self, law: Law, device: DeviceFacts, precision: str, level: Level
    ) -> Floats:
        """Latency of each network, shape ``(networks,)``."""
        return together(*self.parts_ms(law, device, precision, level))
