"""NeuSight's operators as collections of networks of one kernel, one collection a device."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks._neusight import KINDS, read_devices, read_kind
from predictor.device_facts import DeviceFacts
from predictor.unmeasured.fitting import Collection
from predictor.unmeasured.steps import Steps

FOLDER = "neusight_operators"
# Peak rates of the makers' data sheets that the file of devices lacks, in GFLOP/s.
_TF32 = {"NVIDIA A100-PCIE-40GB": 156e3, "NVIDIA A100 80GB PCIe": 156e3}
_EACH = 250


def read_operators(folder: Path, seed: int = 0) -> dict[str, Collection]:
    """Operators in fp32 by device, of NVIDIA's devices and NeuSight's training range.

    Args:
        folder: of public data.
        seed: seed of the draw of shapes.
    """
    facts = read_devices(folder / FOLDER)
    steps: dict[str, list[Steps]] = {}
    latency_ms: dict[str, list[float]] = {}
    for kind in KINDS:
        data = read_kind(folder / FOLDER, kind, _EACH, seed)
        for i in np.flatnonzero(data.in_range):
            name = str(data.device[i])
            if not name.startswith("AMD"):
                steps.setdefault(name, []).append(Steps.of([(data.operators[i], 1)]))
                latency_ms.setdefault(name, []).append(float(data.latency_ms[i]))
    return {name: Collection(f"{name} fp32", _with_tf32(facts[name]), "fp32", steps[name],
                             np.array(latency_ms[name])) for name in steps}


def _with_tf32(facts: DeviceFacts) -> DeviceFacts:
    peaks = dict(facts.peak_gflops)
    if facts.name in _TF32:
        peaks["tf32"] = _TF32[facts.name]
    return DeviceFacts(facts.name, peaks, facts.bandwidth_gb_s, facts.multiprocessors, facts.l2_mb,
                       facts.clock_mhz, facts.power_limit_w)
