"""How a thread computes while training on CPUs."""

from __future__ import annotations

import torch


def prepare_thread(threads: int | None) -> None:
    """Sets up the calling thread.

    Denormal numbers are rounded to 0: the soft-maxes of matching are full of them, and a processor
    takes some hundred cycles for each (15 to 25 % of a step, docs/decisions/training-on-cpus.md).

    Args:
        threads: threads that share an operator; None leaves PyTorch's choice.
    """
    torch.set_flush_denormal(True)
    if threads is not None:
        torch.set_num_threads(threads)
