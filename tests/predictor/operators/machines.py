"""Made-up devices whose operators take a known time."""

import numpy as np

from luts.operator import Operator
from predictor.operator_model import DeviceFacts


def device(name: str, speed: float = 1.0, **changes) -> DeviceFacts:
    facts = dict(peak_gflops={"fp32": 1e4 * speed, "fp16": 2e4 * speed},
                 bandwidth_gb_s=500.0 * speed, multiprocessors=40, l2_mb=4.0, clock_mhz=1500.0)
    return DeviceFacts(name, **{**facts, **changes})


def convs(count: int, seed: int = 0) -> list[Operator]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        size, channels, out = rng.integers(7, 65), rng.integers(3, 400), rng.integers(3, 400)
        kernel = int(rng.choice([1, 3, 5]))
        found.append(Operator.make(
            "conv", (int(rng.integers(1, 5)), int(channels), int(size), int(size)), out=int(out),
            kernel=(kernel, kernel), act=str(rng.choice(["none", "relu"])),
        ))
    return found


def softmaxes(count: int, seed: int = 0) -> list[Operator]:
    rng = np.random.default_rng(seed)
    return [Operator.make("softmax", (int(rng.integers(8, 4096)), int(rng.integers(8, 4096))))
            for _ in range(count)]


def latency_ms(operators, facts, *, overhead_ms=0.01, efficiency=0.6, noise=0.03, seed=0):
    """A roofline with an efficiency that small channels spoil, and scatter."""
    rng = np.random.default_rng(seed)
    compute = np.array([op.flops / facts.peak(op.dtype) / 1e6 for op in operators])
    traffic = np.array([op.bytes_moved / facts.bandwidth_gb_s / 1e6 for op in operators])
    narrow = np.array([1 + 2.0 / (op.inputs[0][1] / 16 + 1) for op in operators])
    true = overhead_ms + np.maximum(compute * narrow, traffic) / efficiency
    return true * np.exp(noise * rng.standard_normal(len(operators)))
