"""Where training computes, and how its threads do on CPUs."""

from __future__ import annotations

import torch

from luts.errors import UserError


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


def training_device(name: str) -> torch.device:
    """The device of a name such as ``cpu`` or ``cuda:0``.

    Raises:
        UserError: no such device here.
    """
    if name == "cpu":
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind != "cuda" or not (number or "0").isdigit():
        raise UserError(f"unknown device '{name}'; known: cpu, cuda:0 (or another number)")
    if not torch.cuda.is_available():
        raise UserError(f"--device {name}: this installation of torch finds no CUDA device")
    if int(number or 0) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices")
    # Matrix products of fp32 parts (correlations, upsampling) keep all their bits.
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device("cuda", int(number or 0))
