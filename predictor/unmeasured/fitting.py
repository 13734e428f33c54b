"""Fits a law, and the levels of devices, to measured networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.unmeasured.kernels import CLASSES, PRODUCTS
from predictor.unmeasured.law import Law, Level, Stack
from predictor.unmeasured.steps import Steps

# Scatter of one network about the law, in log units.
_SCATTER = 0.1
_USUAL = {"depthwise": 0.1, "grouped": 0.5, "stem": 0.5, "matmul": 0.5}
_SPREAD = (0.7, 1.0, 1.0, 0.7)
_LEVEL_SPREAD = np.array([0.3, 0.3, 0.7])
_ROUNDS = 25


@dataclass(frozen=True)
class Collection:
    """Networks that were timed on one device in one precision.

    Attributes:
        name: such as ``rtx3090 fp16``; those of one name share a level.
        device: its facts.
        precision: of the arithmetic.
        networks: their kernels.
        latency_ms: shape ``(networks,)``.
        level: where it is known; None is fitted.
    """

    name: str
    device: DeviceFacts
    precision: str
    networks: Sequence[Steps]
    latency_ms: Floats
    level: Level | None = None

    def take(self, rows: Sequence[int]) -> Collection:
        """Some of the networks."""
        return replace(self, networks=[self.networks[i] for i in rows],
                       latency_ms=self.latency_ms[list(rows)])


def usual_law() -> Law:
    """What is believed before anything is fitted: rooflines of 70 %, halved below 16 wide."""
    rates = [np.log(_USUAL.get(name, 0.7)) for name in PRODUCTS]
    # A depthwise product has one column and few taps; both are in its rate.
    halves = [np.log(0.01 if name == "depthwise" else 16.0) for name in PRODUCTS]
    return Law(tuple(rates), tuple(halves), tuple(halves),
               tuple([float(np.log(0.7))] * len(CLASSES)), float(np.log(0.3)),
               0.0, float(np.log(0.003)))  # fmt: skip


def fit(
    collections: Sequence[Collection], start: Law | None = None, *, law_fixed: bool = False
) -> tuple[Law, dict[str, Level]]:
    """Law and levels that explain the networks best; robust, with weak beliefs.

    Args:
        collections: measured networks; the levels that they have are kept.
        start: law to start from, and to keep where it is fixed.
        law_fixed: whether only levels are fitted.

    Returns:
        The law, and the level of each collection by its name.
    """
    from scipy.optimize import least_squares

    usual = usual_law()
    belief = (start if law_fixed and start else usual).vector
    p = len(PRODUCTS)
    spread = np.concatenate([np.full(p, s) for s in _SPREAD[:3]]
                            + [np.full(len(CLASSES), _SPREAD[3]), [0.7, 0.7, 0.3]])
    names = list(dict.fromkeys(c.name for c in collections if c.level is None))
    fixed = {c.name: c.level for c in collections if c.level is not None}
    stacks = [Stack.of(c.networks) for c in collections]
    size = 0 if law_fixed else len(belief)
    centre = np.array([v for _ in names for v in (0.0, 0.0, Level().host_ms)])

    def unpack(values: Floats) -> tuple[Law, dict[str, Level]]:
        law = Law.of(belief if law_fixed else values[:size])
        own = values[size:].reshape(len(names), 3)
        levels = {name: Level(*(float(v) for v in row))
                  for name, row in zip(names, own, strict=True)}
        return law, {**fixed, **levels}

    def residuals(values: Floats) -> Floats:
        law, levels = unpack(values)
        missed = [
            (np.log(stack.latency_ms(law, c.device, c.precision, levels[c.name]))
             - np.log(c.latency_ms)) / _SCATTER
            for c, stack in zip(collections, stacks, strict=True)
        ]
        doubts = [] if law_fixed else [(values[:size] - belief) / spread]
        doubts.append((values[size:] - centre) / np.tile(_LEVEL_SPREAD, len(names)))
        return np.concatenate([*missed, *doubts])

    first = belief if start is None or law_fixed else start.vector
    begin = np.concatenate([[] if law_fixed else first, centre])
    found = least_squares(residuals, begin, loss="soft_l1", max_nfev=_ROUNDS)
    return unpack(found.x)
