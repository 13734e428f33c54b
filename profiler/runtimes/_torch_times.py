"""Time per step of a torch program: by the wall clock on CPUs, by its kernels on CUDA devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

import torch

from profiler.runtimes._torch_program import Program
from profiler.runtimes._torch_step import execute
from profiler.runtimes.base import NodeTimes

_MARK = "metronas:"


def wall_times(program: Program, runs: int) -> NodeTimes:
    """Mean over the faster half of the inferences; the first only warms up.

    Args:
        program: a program on the CPU.
        runs: inferences.
    """
    program.run()
    taken = [_one_run(program) for _ in range(runs)]
    # Interference only slows, and the sum is scaled to end-to-end time anyway.
    kept = sorted(taken, key=lambda run: run[1])[: (runs + 1) // 2]
    by_node = {name: sum(nodes[name] for nodes, _ in kept) / len(kept) for name in kept[0][0]}
    return NodeTimes(by_node, sum(whole for _, whole in kept) / len(kept), len(kept))


def _one_run(program: Program) -> tuple[dict[str, float], float]:
    nodes: dict[str, float] = {}
    start = perf_counter()
    values = dict(program.inputs)
    before = perf_counter()
    for step in program.steps:
        execute(step, values)
        now = perf_counter()
        nodes[step.name] = 1e3 * (now - before)
        before = now
    return nodes, 1e3 * (before - start)


def kernel_times(
    program: Program, launch: Callable[[Callable[[], object]], float], replay_ms: float, runs: int
) -> NodeTimes:
    """Mean time of each step's kernels; steps without a kernel (views) are left out.

    Args:
        program: a program on a CUDA device.
        launch: enqueues what it is given on the stream, and waits for it.
        replay_ms: time of a whole inference, which contains no gaps of launching.
        runs: inferences.
    """
    from torch.profiler import ProfilerActivity, profile

    def marked() -> None:
        values = dict(program.inputs)
        for step in program.steps:
            with torch.profiler.record_function(_MARK + step.name):
                execute(step, values)

    launch(marked)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as recorded:
        for _ in range(runs):
            launch(marked)
    totals_us = kernels_by_mark(recorded.events())
    by_node = {name: total / runs / 1e3 for name, total in totals_us.items() if total > 0}
    return NodeTimes(by_node, max(replay_ms, sum(by_node.values())), runs)


def kernels_by_mark(events: Iterable[Any]) -> dict[str, float]:
    """Step name to time of the kernels that it launched, in us.

    Args:
        events: function events of torch's profiler: ``name``, ``kernels``, ``cpu_children``.
    """
    totals: dict[str, float] = {}
    for event in events:
        # The device's own copy of a mark spans gaps, too, and has no kernels of its own.
        if event.name.startswith(_MARK):
            name = event.name.removeprefix(_MARK)
            totals[name] = totals.get(name, 0.0) + _kernels_us([event])
    return totals


def _kernels_us(events: Sequence[Any]) -> float:
    total = 0.0
    for event in events:
        total += sum(kernel.duration for kernel in event.kernels
                     if not kernel.name.startswith(_MARK))
        total += _kernels_us(event.cpu_children)
    return total
