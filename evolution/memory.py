"""Memory that an inference needs, estimated from operators in order of execution.

What is counted and what is not: docs/decisions/constraints.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import cast

import numpy as np

from evolution.counts import gathered
from evolution.strategies.base import Floats, Vector
from luts._costs import cost_of
from luts.lowered import lowered
from luts.operator import DTYPE_BYTES, Operator, PlacedOperator
from luts.space import OperatorSpace, Vectors
from predictor.extremes import minimise

MIB = float(2**20)


def peak_bytes(placed: Sequence[PlacedOperator]) -> int:
    """Largest number of bytes of activations that are held at one step of a part of a network.

    A step holds what it reads and its result. Beside it stand what its block started from, until
    the block's end adds it, and, in a loop, the results of the steps before the loop.

    Args:
        placed: the operators in order of execution.
    """
    begun, ends = _blocks(placed)
    first_repeated = next((i for i, p in enumerate(placed) if p.repeats > 1), len(placed))
    most = before_loop = 0
    for index, step in enumerate(placed):
        operator = step.operator
        result = _result_bytes(operator)
        held = _read_bytes(operator) + result
        block = _block_of(step)
        if block in ends and begun[block][0] < index <= ends[block]:
            held += max(begun[block][1], result if operator.get("residual", 0) else 0)
        if step.repeats > 1:
            held += before_loop
        elif index < first_repeated:
            before_loop += result
        most = max(most, held)
    return most


def memory_parts(space: OperatorSpace) -> list[list[Floats]]:
    """Memory of architectures as the largest of several sums over factors.

    Weights stand all the time, and so do the network's inputs; the largest step is that of one
    factor. So the memory is the largest, over the factors, of all weights and that factor's peak.

    Args:
        space: is lowered once.

    Returns:
        Per part, and per factor of the space, MiB of each row of ``space.factor_choices(factor)``,
        each of shape ``(rows,)``. Parts that are never the largest are left out.
    """
    weights, peaks = _standing(space)
    surest = max(float(peak.min()) for peak in peaks)
    parts = []
    for own, peak in enumerate(peaks):
        if float(peak.max()) >= surest:
            parts.append([rows + peak if index == own else rows
                          for index, rows in enumerate(weights)])
    return parts


def least_memory(space: OperatorSpace) -> Vector:
    """An architecture of least memory.

    For every peak that a row can have, from the lowest on, the least weights of all whose peaks are
    no higher; until not even the least weights of the space would be less with the next peak.

    Args:
        space: is lowered once.
    """
    weights, peaks = _standing(space)
    floor = _total(space, weights, minimise(space, weights))
    far = 1.0 + sum(float(rows.max()) for rows in weights)  # more than any architecture weighs
    best = (np.inf, minimise(space, weights))
    for top in np.unique(np.concatenate(peaks)).tolist():
        if floor + top >= best[0]:
            break
        found = minimise(space, [np.where(peak <= top, rows, far)
                                 for rows, peak in zip(weights, peaks, strict=True)])
        reached = max(float(peak[space.factor_rows(factor, found[None])[0]])
                      for factor, peak in zip(space.factors, peaks, strict=True))
        value = _total(space, weights, found) + reached
        # Where no architecture has peaks so low, its peaks are higher, and it is one all the same.
        if value < best[0]:
            best = (value, found)
    return tuple(best[1].tolist())


@lru_cache(maxsize=8)
def _standing(space: OperatorSpace) -> tuple[list[Floats], list[Floats]]:
    """Weights and peak of each row of each factor in MiB; inputs are with the first weights."""
    weights, peaks = [], []
    for rows in lowered(space):
        weights.append(np.array([_weight_bytes(placed) for placed in rows]) / MIB)
        peaks.append(np.array([_peak_of_nets(placed) for placed in rows]) / MIB)
    weights[0] = weights[0] + _input_bytes(space) / MIB
    return weights, peaks


def _total(space: OperatorSpace, rows: Sequence[Floats], vector: Vectors) -> float:
    return float(gathered(space, rows, vector[None])[0])


def reference_mib(space: OperatorSpace) -> float:
    """Memory of the hand-designed baseline in MiB, estimated alike."""
    placed = space.lower_reference()
    return (_weight_bytes(placed) + _peak_of_nets(placed) + _input_bytes(space)) / MIB


def _peak_of_nets(placed: Sequence[PlacedOperator]) -> int:
    """Networks of one factor (such as two encoders) run one after the other, not in turns."""
    nets: dict[str, list[PlacedOperator]] = {}
    for step in placed:
        nets.setdefault(step.path.partition(".")[0], []).append(step)
    return max((peak_bytes(own) for own in nets.values()), default=0)


def _blocks(
    placed: Sequence[PlacedOperator],
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Of each block its first step and the bytes that it reads, and the step that adds them."""
    begun: dict[str, tuple[int, int]] = {}
    ends: dict[str, int] = {}
    for index, step in enumerate(placed):
        operator, block = step.operator, _block_of(step)
        if operator.inputs:
            begun.setdefault(block, (index, _size(operator, operator.inputs[0])))
        if operator.kind == "add" or operator.get("residual", 0):
            ends[block] = index
    return begun, ends


def _block_of(step: PlacedOperator) -> str:
    """An addition is placed at its block, other steps below it."""
    return step.path if step.operator.kind == "add" else step.path.rpartition(".")[0]


def _size(operator: Operator, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor in the operator's precision."""
    return prod(shape) * DTYPE_BYTES[operator.dtype]


def _read_bytes(operator: Operator) -> int:
    return sum(_size(operator, shape) for shape in operator.inputs)


def _result_bytes(operator: Operator) -> int:
    size = _size(operator, cost_of(operator).output)
    if operator.kind != "correlation":
        return size
    # The pyramid: each level has a quarter of the values of the one before.
    *_, h, w = operator.inputs[0]
    levels = range(cast(int, operator.get("levels")))
    return sum(size // (h * w) * (h >> i) * (w >> i) for i in levels)


def _weight_bytes(placed: Sequence[PlacedOperator]) -> int:
    return sum(cost_of(p.operator).parameters * DTYPE_BYTES[p.operator.dtype] for p in placed)


def _input_bytes(space: OperatorSpace) -> int:
    """What the network reads: its first step does."""
    return _read_bytes(space.lower_reference()[0].operator)
