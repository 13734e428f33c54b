"""What a roofline needs to know of a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from luts.errors import UserError
from luts.operator import DTYPE_BYTES, Operator
from luts.target import Target
from predictor.extremes import Floats


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """Facts of one device, from a data sheet or measured.

    Attributes:
        name: such as ``rtx3090``; rows of one name belong to one device.
        peak_gflops: precision to peak rate, 10^9 operations per second; needs ``fp32``.
        bandwidth_gb_s: peak memory bandwidth, 10^9 bytes per second.
        multiprocessors: streaming multiprocessors; for a CPU, the cores in use.
        l2_mb: last-level cache.
        clock_mhz: boost clock.
        power_limit_w: board power, if known; a small one lowers sustained rates.

    Raises:
        UserError: a fact is not a positive number.
    """

    name: str
    peak_gflops: Mapping[str, float]
    bandwidth_gb_s: float
    multiprocessors: int
    l2_mb: float
    clock_mhz: float
    power_limit_w: float | None = None

    def __post_init__(self) -> None:
        facts = {
            **{f"peak_gflops.{name}": rate for name, rate in self.peak_gflops.items()},
            "bandwidth_gb_s": self.bandwidth_gb_s,
            "multiprocessors": self.multiprocessors,
            "l2_mb": self.l2_mb,
            "clock_mhz": self.clock_mhz,
            **({} if self.power_limit_w is None else {"power_limit_w": self.power_limit_w}),
        }
        for name, value in facts.items():
            if not (isfinite(value) and value > 0):
                raise UserError(f"device '{self.name}': {name} is {value}, must be above 0")
        unknown = sorted(set(self.peak_gflops) - set(DTYPE_BYTES))
        if unknown or "fp32" not in self.peak_gflops:
            raise UserError(
                f"device '{self.name}': peak rates of {', '.join(self.peak_gflops) or 'nothing'}; "
                f"wanted fp32 and any of {', '.join(DTYPE_BYTES)}"
            )

    def peak(self, dtype: str) -> float:
        """Peak rate in GFLOP/s; TF32 runs at the rate of FP32 where the device lacks it.

        Raises:
            UserError: the device has no known rate of that precision.
        """
        if dtype not in self.peak_gflops and dtype != "tf32":
            raise UserError(
                f"device '{self.name}' has no peak rate of {dtype}; "
                f"known: {', '.join(sorted(self.peak_gflops))}"
            )
        return float(self.peak_gflops.get(dtype, self.peak_gflops["fp32"]))

    @classmethod
    def of_target(cls, target: Target) -> DeviceFacts:
        """Facts of a GPU target, from its data sheet.

        Raises:
            UserError: a CPU, whose facts no data sheet gives (use `reached`).
        """
        facts = (target.multiprocessors, target.boost_clock_mhz, target.memory_bandwidth_gb_s,
                 target.l2_mb)  # fmt: skip
        multiprocessors, clock_mhz, bandwidth_gb_s, l2_mb = facts
        if not (multiprocessors and clock_mhz and bandwidth_gb_s and l2_mb):
            raise UserError(
                f"target '{target.name}' has no data sheet facts; give a table measured on it"
            )
        peak_gflops = {name: 1e3 * rate for name, rate in target.peak_tflops.items()}
        return cls(target.name, peak_gflops, bandwidth_gb_s, multiprocessors, l2_mb,
                   float(clock_mhz), target.power_limit_w)  # fmt: skip

    @classmethod
    def reached(
        cls,
        name: str,
        operators: Sequence[Operator],
        latency_ms: Floats,
        *,
        multiprocessors: int,
        l2_mb: float = 1.0,
        clock_mhz: float = 1000.0,
    ) -> DeviceFacts:
        """Facts as measured: the highest rates that any operator reached on the device.

        A roofline of reached rates gives utilisations of at most 1 (Williams et al. 2009 call it
        an empirical ceiling). A rate that nothing came near is understated by it.

        Args:
            name: name of the device.
            operators: measured operators, all of one device.
            latency_ms: their latency, shape ``(operators,)``.
            multiprocessors: cores in use.
            l2_mb: last-level cache.
            clock_mhz: clock.

        Raises:
            UserError: no operators, or one without arithmetic only.
        """
        flops = np.array([operator.flops for operator in operators], dtype=float)
        moved = np.array([operator.bytes_moved for operator in operators], dtype=float)
        dtypes = np.array([operator.dtype for operator in operators])
        if not len(operators) or not flops.any():
            raise UserError(f"device '{name}': no measured operator does any arithmetic")
        peaks = {
            str(dtype): float((flops / latency_ms)[dtypes == dtype].max() / 1e6)
            for dtype in sorted(set(dtypes.tolist()))
        }
        peaks = {dtype: rate for dtype, rate in peaks.items() if rate > 0}
        peaks.setdefault("fp32", max(peaks.values()))
        bandwidth = float((moved / latency_ms).max() / 1e6)
        return cls(name, peaks, bandwidth, multiprocessors, l2_mb, clock_mhz)
