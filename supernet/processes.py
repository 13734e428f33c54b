"""Processes that train one network together, as `torchrun` starts them.

Each holds a whole copy of the network and an equal part of every batch. Gradients are averaged, and
whatever is averaged over a batch (losses, statistics of batch norms) is averaged over all of its
parts, so that the result is that of one process with the whole batch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import distributed, nn

from luts.errors import UserError

_together = False


def process_count() -> int:
    """Number of processes that train together; 1 outside `torchrun`."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def process_rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Whether this process writes files and reports."""
    return process_rank() == 0


def join_processes(device: str) -> str:
    """Joins the processes that `torchrun` started; does nothing outside it.

    Args:
        device: ``cpu`` or ``cuda``, as the user named it.

    Returns:
        The device of this process: with several processes on one machine ``cuda`` becomes one
        device each.

    Raises:
        UserError: several processes were told to share one CUDA device.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return device
    if device == "cpu":
        distributed.init_process_group("gloo")
        return device
    if ":" in device:
        raise UserError(f"--device {device} under torchrun: every process takes a device of its "
                        "own; give --device cuda")
    place = f"cuda:{os.environ['LOCAL_RANK']}"
    torch.cuda.set_device(place)
    distributed.init_process_group("nccl")
    return place


def wait_for_all() -> None:
    """Returns when every process has come here."""
    if process_count() > 1:
        distributed.barrier()


def own_part(count: int) -> slice:
    """The rows of a batch of ``count`` pairs that this process computes.

    Raises:
        UserError: the batch cannot be divided equally.
    """
    processes = process_count()
    if count % processes:
        raise UserError(f"a batch of {count} pairs cannot be divided among {processes} processes; "
                        f"give a --batch that is a multiple of {processes}")
    each = count // processes
    return slice(process_rank() * each, (process_rank() + 1) * each)


@contextlib.contextmanager
def training_together() -> Iterator[None]:
    """Within it `shared_mean` spans all processes.

    Only a training step is made by all of them at once; validation is the first one's alone.
    """
    global _together  # noqa: PLW0603
    _together = process_count() > 1
    try:
        yield
    finally:
        _together = False


def are_together() -> bool:
    """Whether this is a step that all processes make at once."""
    return _together


class _SharedMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return _averaged(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        return _averaged(grads[0])


def _averaged(x: torch.Tensor) -> torch.Tensor:
    total = x.detach().clone()
    distributed.all_reduce(total)
    return total / process_count()


def shared_mean(x: torch.Tensor) -> torch.Tensor:
    """Mean over processes within `training_together`, differentiable; otherwise ``x``."""
    if not _together:
        return x
    mean: torch.Tensor = _SharedMean.apply(x)  # type: ignore[no-untyped-call]
    return mean


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces gradients by their mean over processes, in one exchange.

    Every process runs the same architectures, so the same parameters have gradients.
    """
    if process_count() == 1:
        return
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = _averaged(torch.cat([grad.flatten() for grad in grads]))
    for grad, part in zip(grads, torch.split(flat, [g.numel() for g in grads]), strict=True):
        grad.copy_(part.view_as(grad))


def average_figures(figures: dict[str, float]) -> dict[str, float]:
    """Means over processes of a step's figures."""
    if process_count() == 1:
        return figures
    backend = distributed.get_backend()
    place = "cuda" if backend == "nccl" else "cpu"
    values = torch.tensor(list(figures.values()), dtype=torch.float64, device=place)
    return dict(zip(figures, _averaged(values).tolist(), strict=True))
