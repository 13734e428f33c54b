"""Which device this is, and by which target it is known."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
from pathlib import Path
from typing import Any

from luts.errors import UserError
from luts.target import Target, load_target, target_names

_CUDA = re.compile(r"cuda(:\d+)?")
_CPUINFO = Path("/proc/cpuinfo")
# Instruction sets that decide which kernels a runtime picks.
_TELLING = ("avx", "avx2", "fma", "avx512", "avx_vnni", "amx", "neon", "asimd", "sve", "i8mm")


def resolve_device(device: str) -> Target:
    """The target of a device name such as ``cpu`` or ``cuda:0``.

    Numbers are those of the PCI bus, as CUDA gives them under ``CUDA_DEVICE_ORDER=PCI_BUS_ID``;
    they differ from its own order only between unlike devices in one machine.

    Raises:
        UserError: no such device, or nothing installed here can reach it.
    """
    if device == "cpu":
        return load_target("cpu")
    if not _CUDA.fullmatch(device):
        raise UserError(f"unknown device '{device}'; known: cpu, cuda:0 (or another number)")
    if importlib.util.find_spec("pynvml") is None:
        raise UserError(
            f"device '{device}' cannot be reached: no CUDA package here; "
            "pip install 'metronas[gpu]'"
        )
    return target_of(_device_name(device), device)


def target_of(name: str, device: str) -> Target:
    """The target whose device the driver reports under a name.

    Args:
        name: such as ``NVIDIA H200``, as NVML reports it.
        device: such as ``cuda:0``, for the message.

    Raises:
        UserError: no target is this device.
    """
    gpus = [target for target in map(load_target, target_names()) if target.kind == "gpu"]
    for target in gpus:
        if name in target.device_names:
            return target
    known = ", ".join(
        f"'{known}' ({target.name})" for target in gpus for known in target.device_names
    )
    raise UserError(f"device '{device}' is '{name}', which no target describes; known: {known}")


def _device_name(device: str) -> str:
    """Name of a CUDA device from NVML, which loads no framework and starts no context."""
    import pynvml  # type: ignore[import-untyped,unused-ignore]

    try:
        pynvml.nvmlInit()
        try:
            name = pynvml.nvmlDeviceGetName(nvml_handle(pynvml, device))
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise UserError(
            f"device '{device}' cannot be reached: no CUDA device answers ({error})"
        ) from None
    return name.decode() if isinstance(name, bytes) else str(name)


def nvml_handle(pynvml: Any, device: str) -> Any:
    """NVML's handle of a CUDA device, numbered among those made visible to us.

    Args:
        pynvml: the module, initialised.
        device: such as ``cuda:0``.

    Raises:
        UserError: fewer devices are visible.
        NVMLError: NVML knows no such device.
    """
    number = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return pynvml.nvmlDeviceGetHandleByIndex(number)
    chosen = [item.strip() for item in visible.split(",") if item.strip()]
    if number >= len(chosen):
        raise UserError(
            f"device '{device}' cannot be reached: CUDA_VISIBLE_DEVICES='{visible}' shows "
            f"{len(chosen)} devices"
        )
    item = chosen[number]
    if item.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(item))
    return pynvml.nvmlDeviceGetHandleByUUID(item)


def identify_cpu() -> dict[str, str | int | float | list[str]]:
    """Identity of this processor: model, cores that this process may use, instruction sets."""
    facts: dict[str, str] = {}
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "model": facts.get("model name") or platform.processor() or "unknown",
        "architecture": platform.machine(),
        "family": facts.get("cpu family", ""),
        "model_number": facts.get("model", ""),
        "cores": os.cpu_count() or 1,
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "cache": facts.get("cache size", ""),
        "flags": sorted(flag for flag in flags if flag.startswith(_TELLING)),
        "system": platform.system(),
    }


def check_threads(threads: int) -> None:
    """Refuses more threads than there are cores for them: they would wait for each other.

    Raises:
        UserError: there are too many.
    """
    everywhere = not hasattr(os, "sched_getaffinity")
    cores = os.cpu_count() or 1 if everywhere else len(os.sched_getaffinity(0))
    if threads > cores:
        raise UserError(f"--threads {threads} is more than the {cores} cores that can be used here")


def load_average() -> float:
    """Load average of the last minute, or 0 where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
