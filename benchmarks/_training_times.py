"""Timing of several kinds of work in turns, and what they compute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from supernet.training.rules import StepRule


def gflops(rule: StepRule, batch: Any) -> float:
    """What a step computes in convolutions and matrix products, forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    rule.train_mode()
    with FlopCounterMode(display=False) as counter:
        rule.backward(batch, np.random.default_rng(0), 0.0)
    rule.network.zero_grad()
    return float(counter.get_total_flops()) / 1e9


def product(settings: Any, device: torch.device) -> tuple[float, Callable[[int], None]]:
    """GFLOPs of a large matrix product in the precision of the training, and what computes it."""
    import torch

    from supernet.training.precision import training_dtype

    side = 2048 if device.type == "cpu" else 8192
    one = torch.randn(side, side, device=device, dtype=training_dtype(settings.precision, device))
    return 2 * side**3 / 1e9, lambda index: (one @ one, None)[1]


def interleaved(
    kinds: dict[str, Callable[[int], None]], rounds: int, seed: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of each kind in each round, after one that does not count."""
    import torch

    rng = np.random.default_rng(seed)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for index in range(rounds + 1):
        for name in rng.permutation(list(kinds)):
            began = time.perf_counter()
            kinds[name](index)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if index > 0:
                times[name].append(time.perf_counter() - began)
    return times
