"""What the methods that learn from NeuSight's operators are shown, and their names in figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks._figures import Floats
from benchmarks._neusight import Measured
from predictor.operator_model import DeviceFacts
from predictor.operators.features import bounds_ms
from predictor.operators.work import Work

OURS = "ours"
BY_WORK = "XGBoost FLOPs, bytes"
BY_SHAPE = "XGBoost + dims"
_FUNCTIONS = ("add", "addu", "div", "divu", "gelu", "mul", "mulu", "pow", "powu", "relu", "tanh")


def columns(data: Measured, facts: dict[str, DeviceFacts]) -> tuple[Floats, Floats, Floats]:
    """FLOPs, bytes and facts; the same with dimensions; the roofline in ms."""
    work = Work.of(data.operators)
    names = sorted(set(data.device))
    of = np.array([names.index(name) for name in data.device])
    listed = [facts[str(name)] for name in names]
    sheet = np.log([[d.peak("fp32"), d.bandwidth_gb_s, d.multiprocessors, d.l2_mb, d.clock_mhz,
                     d.power_limit_w or 1.0] for d in listed])[of]  # fmt: skip
    plain = np.column_stack([np.log(np.maximum(work["flops"], 1)), np.log(work["bytes"]), sheet])
    dims = np.array([_dims(operator) for operator in data.operators])
    compute_ms, traffic_ms = bounds_ms(work, listed, of)
    return plain, np.column_stack([plain, dims]), np.maximum(compute_ms, traffic_ms)


def _dims(operator: Any) -> list[float]:
    sizes = [float(size) for shape in operator.inputs for size in shape]
    words = sorted(_FUNCTIONS)
    one_hot = [float(operator.attribute_map.get("fn") == word) for word in words]
    return [*(sizes + [0.0] * 6)[:6], float(operator.attribute_map.get("out", 0)), *one_hot]
