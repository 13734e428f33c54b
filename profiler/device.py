"""Which device this is, and by which target it is known."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
from pathlib import Path

from luts.errors import UserError
from luts.target import Target, load_target

_CUDA = re.compile(r"cuda(:\d+)?")
_CPUINFO = Path("/proc/cpuinfo")
# Instruction sets that decide which kernels a runtime picks.
_TELLING = ("avx", "avx2", "fma", "avx512", "avx_vnni", "amx", "neon", "asimd", "sve", "i8mm")


def resolve_device(device: str) -> Target:
    """The target of a device name such as ``cpu`` or ``cuda:0``.

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
    raise UserError(f"device '{device}' cannot be measured: {_cuda_problem(device)}")


def _cuda_problem(device: str) -> str:
    import pynvml  # type: ignore[import-untyped,unused-ignore]

    number = int(device.partition(":")[2] or 0)
    try:
        pynvml.nvmlInit()
        name = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(number))
    except pynvml.NVMLError as error:
        return f"no CUDA device answers ({error})"
    return f"it is '{name}', and no runtime of this version times CUDA devices"


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


def load_average() -> float:
    """Load average of the last minute, or 0 where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
