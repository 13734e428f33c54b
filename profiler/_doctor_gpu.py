"""What NVML says of a CUDA device; it is only read, never changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from profiler._gauges import THROTTLING, clock_reasons
from profiler._system import Finding

# Bit among the reasons of NVML: clocks are as a setting wants them.
_SETTING = 0x2


def gpu_findings(number: int, nvml: Any = None) -> list[Finding]:
    """Findings about one device.

    Args:
        number: of the device, as in ``cuda:0``.
        nvml: the ``pynvml`` module; None imports it.
    """
    if nvml is None:
        try:
            nvml = import_module("pynvml")
        except ModuleNotFoundError:
            return [Finding("GPU", "unknown", "cannot be told (pynvml is not installed)",
                            "pip install 'metronas[gpu]'")]
    try:
        nvml.nvmlInit()
        device = nvml.nvmlDeviceGetHandleByIndex(number)
    except nvml.NVMLError as error:
        return [Finding("GPU", "unknown", f"cuda:{number} cannot be reached ({error})")]
    checks: tuple[tuple[str, Callable[[Any, Any], Finding]], ...] = (
        ("GPU persistence", _persistence), ("GPU clocks", _clocks), ("GPU throttling", _throttling),
        ("GPU processes", _processes), ("GPU ECC", _ecc), ("GPU MIG", _mig),
    )
    try:
        return [_run(name, check, nvml, device) for name, check in checks]
    finally:
        nvml.nvmlShutdown()


def _run(name: str, check: Callable[[Any, Any], Finding], nvml: Any, device: Any) -> Finding:
    try:
        return check(nvml, device)
    except nvml.NVMLError as error:
        return Finding(name, "unknown", f"cannot be told ({error})")


def _persistence(nvml: Any, device: Any) -> Finding:
    if nvml.nvmlDeviceGetPersistenceMode(device):
        return Finding("GPU persistence", "ok", "on")
    return Finding("GPU persistence", "warn", "off: the driver may start anew before each program",
                   "sudo nvidia-smi -pm 1")


def _clocks(nvml: Any, device: Any) -> Finding:
    now = nvml.nvmlDeviceGetClockInfo(device, nvml.NVML_CLOCK_SM)
    most = nvml.nvmlDeviceGetMaxClockInfo(device, nvml.NVML_CLOCK_SM)
    if clock_reasons(nvml, device) & _SETTING:
        return Finding("GPU clocks", "ok", f"{now} of {most} MHz, held by a setting")
    return Finding("GPU clocks", "warn", f"{now} of {most} MHz, and no setting is seen to hold "
                   "them (idle devices may not show it)",
                   "sudo nvidia-smi -lgc MHZ,MHZ with a clock that it can keep up")


def _throttling(nvml: Any, device: Any) -> Finding:
    reasons = clock_reasons(nvml, device)
    named = [words for bit, words in THROTTLING.items() if reasons & bit]
    if not named:
        return Finding("GPU throttling", "ok", "nothing slows it at the moment")
    return Finding("GPU throttling", "bad", f"slowed at the moment by {', '.join(named)}",
                   "cool it, or lock a lower clock; measure when this has gone")


def _processes(nvml: Any, device: Any) -> Finding:
    running = nvml.nvmlDeviceGetComputeRunningProcesses(device)
    others = [str(process.pid) for process in running if process.pid != os.getpid()]
    if not others:
        return Finding("GPU processes", "ok", "no other process computes on it")
    return Finding("GPU processes", "bad", f"used by process {', '.join(others)} too",
                   "end them, or wait until they have ended")


def _ecc(nvml: Any, device: Any) -> Finding:
    try:
        current, pending = nvml.nvmlDeviceGetEccMode(device)
    except nvml.NVMLError_NotSupported:
        return Finding("GPU ECC", "ok", "this device has none")
    if current != pending:
        return Finding("GPU ECC", "warn", "will change when the machine starts anew",
                       "start it anew before you measure")
    return Finding("GPU ECC", "ok", "on" if current else "off")


def _mig(nvml: Any, device: Any) -> Finding:
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(device)
    except nvml.NVMLError_NotSupported:
        return Finding("GPU MIG", "ok", "this device has none")
    if current:
        return Finding("GPU MIG", "warn", "on: the device is divided, and parts share its memory "
                       "and its heat", "measure on a part that you deploy on, or switch MIG off")
    return Finding("GPU MIG", "ok", "off")
