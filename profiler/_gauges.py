"""Clocks, temperature, power and throttling of the device, as far as it tells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from luts.errors import UserError
from profiler.device import nvml_handle

# NVML's reasons for clocks below what was asked for that a measurement must not meet: power cap,
# hardware slowdown, heat (by software, by hardware), power brake.
THROTTLING = {0x4: "power cap", 0x8: "hardware slowdown", 0x20: "heat (software)",
              0x40: "heat (hardware)", 0x80: "power brake"}
_CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What a device is like at one moment; None where it does not tell.

    Attributes:
        frequency_mhz: clock of the processors.
        temperature_c: temperature.
        power_w: power drawn.
        energy_mj: energy drawn since some moment in the past.
        others: other processes that compute on it.
    """

    frequency_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    energy_mj: float | None = None
    others: int | None = None


class Gauges(Protocol):
    """Reads the device that is measured."""

    def state(self) -> DeviceState:
        """State of the device now."""

    def throttled(self) -> bool:
        """Whether it has been slowed by heat or power since it was asked last."""


class CpuGauges:
    """What Linux tells of processors; in virtual machines that is nothing.

    Args:
        folder: where the processors are described.
    """

    def __init__(self, folder: Path = _CPUS) -> None:
        self._clocks = sorted(folder.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
        self._counts = _one_each_package(folder)
        self._before = self._count()

    def state(self) -> DeviceState:
        """See `Gauges.state`; the fastest processor is taken, for idle ones rest."""
        khz = [int(path.read_text()) for path in self._clocks]
        return DeviceState(frequency_mhz=max(khz) / 1e3 if khz else None)

    def throttled(self) -> bool:
        """See `Gauges.throttled`."""
        before, self._before = self._before, self._count()
        return self._before > before

    def _count(self) -> int:
        return sum(int(path.read_text()) for path in self._counts)


def _one_each_package(folder: Path) -> list[Path]:
    """Counts of throttling, one file a package: asking every core takes longer than inferences."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("cpu[0-9]*/thermal_throttle/package_throttle_count")):
        package = path.parents[1] / "topology" / "physical_package_id"
        found.setdefault(package.read_text() if package.exists() else "", path)
    return list(found.values())


class NvmlGauges:
    """What NVML tells of one CUDA device.

    Args:
        nvml: the module ``pynvml``, initialised.
        handle: NVML's handle of the device.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def state(self) -> DeviceState:
        """See `Gauges.state`."""
        nvml = self._nvml
        power_mw = self._ask("nvmlDeviceGetPowerUsage")
        return DeviceState(
            self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            self._ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            None if power_mw is None else power_mw / 1e3,
            self._ask("nvmlDeviceGetTotalEnergyConsumption"),
            self._others(),
        )

    def throttled(self) -> bool:
        """See `Gauges.throttled`; NVML tells of this moment only."""
        return bool(clock_reasons(self._nvml, self._handle) & sum(THROTTLING))

    def _others(self) -> int | None:
        try:
            running = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        except self._nvml.NVMLError_NotSupported:
            return None
        return len([process for process in running if process.pid != os.getpid()])

    def _ask(self, name: str, *arguments: Any) -> float | None:
        try:
            return float(getattr(self._nvml, name)(self._handle, *arguments))
        except self._nvml.NVMLError_NotSupported:
            return None


@contextmanager
def gauges_of(device: str) -> Iterator[Gauges]:
    """The gauges of a device.

    Args:
        device: such as ``cpu`` or ``cuda:0``.

    Raises:
        UserError: it is a CUDA device, and NVML cannot be reached.
    """
    if device == "cpu":
        yield CpuGauges()
        return
    try:
        nvml = import_module("pynvml")
    except ModuleNotFoundError:
        raise UserError(
            f"clocks and heat of '{device}' cannot be read; pip install 'metronas[gpu]'"
        ) from None
    try:
        nvml.nvmlInit()
        handle = nvml_handle(nvml, device)
    except nvml.NVMLError as error:
        raise UserError(f"clocks and heat of '{device}' cannot be read ({error})") from None
    try:
        yield NvmlGauges(nvml, handle)
    finally:
        nvml.nvmlShutdown()


def clock_reasons(nvml: Any, handle: Any) -> int:
    """NVML's bits for what holds the clocks of a device down."""
    # Renamed by the vendor; both names are in use.
    get = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
    return int((get or nvml.nvmlDeviceGetCurrentClocksThrottleReasons)(handle))
