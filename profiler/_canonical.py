"""Shapes in a form in which equal work looks equal, whatever the network called its axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

Shape = tuple[int, ...]


def flat(shape: Shape) -> Shape:
    """One axis that holds everything; at least one element."""
    return (max(1, prod(shape)),)


def rows(shape: Shape, axis: int = -1) -> Shape:
    """``(before, axis)`` for an operation along the last axes from ``axis`` on."""
    axis %= max(1, len(shape))
    return max(1, prod(shape[:axis])), max(1, prod(shape[axis:]))


def around(shape: Shape, axes: Sequence[int]) -> Shape:
    """``(before, along, after)`` for an operation along neighbouring axes.

    Args:
        shape: the tensor's.
        axes: positions, counted from the end where negative; none means all.
    """
    wanted = sorted(axis % max(1, len(shape)) for axis in axes) or list(range(len(shape)))
    first, last = (wanted[0], wanted[-1]) if wanted else (0, -1)
    return (max(1, prod(shape[:first])), max(1, prod(shape[first : last + 1])),
            max(1, prod(shape[last + 1 :])))


def broadcast(left: Shape, right: Shape) -> tuple[Shape, Shape]:
    """Both shapes of an elementwise operation, with axes merged that behave alike.

    ``(1, 672, 14, 14)`` with ``(1, 672, 1, 1)`` gives ``(672, 196)`` and ``(672, 1)``.
    """
    rank = max(len(left), len(right))
    wide = [(1,) * (rank - len(shape)) + shape for shape in (left, right)]
    merged: list[list[int]] = []
    before: tuple[bool, bool] | None = None
    for a, b in zip(*wide, strict=True):
        if a == b == 1:
            continue
        spread = a == 1, b == 1
        if merged and spread == before:
            merged[-1] = [merged[-1][0] * a, merged[-1][1] * b]
        else:
            merged.append([a, b])
        before = spread
    merged = merged or [[1, 1]]
    return tuple(a for a, _ in merged), tuple(b for _, b in merged)


def moved(shape: Shape, order: Sequence[int]) -> tuple[Shape, tuple[int, ...]]:
    """A transposition without axes of length 1, and with axes merged that move together.

    ``(1, 197, 3, 64)`` in order ``(0, 2, 1, 3)`` gives ``(197, 3, 64)`` in order ``(1, 0, 2)``.

    Returns:
        The shape, and the order of its axes; an order of one axis moves nothing.
    """
    kept = [axis for axis in order if shape[axis] > 1]
    groups: list[list[int]] = []
    long = sorted(kept)
    for axis in kept:
        follows = groups and long.index(axis) == long.index(groups[-1][-1]) + 1
        if follows:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    by_place = sorted(groups)
    found = tuple(prod(shape[axis] for axis in group) for group in by_place)
    return found or (1,), tuple(by_place.index(group) for group in groups) or (0,)
