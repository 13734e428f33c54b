from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from luts.errors import UserError
from profiler._gauges import CpuGauges, DeviceState, NvmlGauges, gauges_of


class NotSupportedError(Exception):
    pass


def _nvml(reasons: int = 0, **changes: object) -> SimpleNamespace:
    """The part of pynvml that the gauges use, of a device that cannot tell its energy."""
    def unsupported(handle: object) -> int:
        raise NotSupportedError

    functions = {
        "nvmlDeviceGetPowerUsage": lambda handle: 71_500,
        "nvmlDeviceGetClockInfo": lambda handle, which: 1980 if which == 1 else 0,
        "nvmlDeviceGetTemperature": lambda handle, which: 41,
        "nvmlDeviceGetTotalEnergyConsumption": unsupported,
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [
            SimpleNamespace(pid=pid) for pid in (os.getpid(), 1)],
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda handle: reasons,
        "NVML_CLOCK_SM": 1, "NVML_TEMPERATURE_GPU": 0,
        "NVMLError_NotSupported": NotSupportedError,
    }
    return SimpleNamespace(**functions | changes)


def test_state_of_a_device_with_what_it_cannot_tell() -> None:
    assert NvmlGauges(_nvml(), None).state() == DeviceState(1980, 41, 71.5, None, others=1)
    told = _nvml(nvmlDeviceGetTotalEnergyConsumption=lambda handle: 5_000_000)
    assert NvmlGauges(told, None).state().energy_mj == 5_000_000


@pytest.mark.parametrize(
    ("reasons", "throttled"),
    [(0, False), (0x1, False), (0x2, False), (0x4, True), (0x8, True), (0x20, True), (0x40, True),
     (0x80, True), (0x41, True)],
)
def test_idle_and_settings_are_no_throttling(reasons: int, throttled: bool) -> None:
    assert NvmlGauges(_nvml(reasons), None).throttled() is throttled


def test_processors(tmp_path: Path) -> None:
    for cpu, khz in (("cpu0", 800_000), ("cpu1", 3_200_000)):
        (tmp_path / cpu / "cpufreq").mkdir(parents=True)
        (tmp_path / cpu / "thermal_throttle").mkdir()
        (tmp_path / cpu / "topology").mkdir()
        (tmp_path / cpu / "topology" / "physical_package_id").write_text(cpu[-1])
        (tmp_path / cpu / "cpufreq" / "scaling_cur_freq").write_text(f"{khz}\n")
        (tmp_path / cpu / "thermal_throttle" / "package_throttle_count").write_text("7\n")
    gauges = CpuGauges(tmp_path)
    assert gauges.state() == DeviceState(frequency_mhz=3200)
    assert not gauges.throttled()
    (tmp_path / "cpu1" / "thermal_throttle" / "package_throttle_count").write_text("8\n")
    assert gauges.throttled()
    assert not gauges.throttled()


def test_virtual_machines_tell_nothing(tmp_path: Path) -> None:
    gauges = CpuGauges(tmp_path)
    assert gauges.state() == DeviceState()
    assert not gauges.throttled()


def test_absent_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("profiler._gauges.import_module", absent)
    with pytest.raises(UserError, match=r"pip install \'metronas\[gpu\]\'"), gauges_of("cuda:0"):
        pass
