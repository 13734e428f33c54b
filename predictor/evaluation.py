"""Fresh architectures, measured in separate sessions, against their predictions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from luts.space import OperatorSpace, Vectors
from predictor.base import LatencyPredictor
from predictor.extremes import Floats
from predictor.metrics import Accuracy, accuracy

REPEAT_EVERY = 4
REFERENCE_EVERY = 20
REFERENCE = -1
_DRAWS = 50

# Latency in ms, and how much slower than at the table's pace the machine was beside it.
Session = tuple[float, float]


@dataclass(frozen=True)
class Evaluation:
    """Predictions beside measurements.

    Attributes:
        vectors: fresh architectures, shape ``(n, decisions)``.
        predicted_ms: predictions, shape ``(n,)``.
        upper_ms: their upper bounds, shape ``(n,)``.
        measured_ms: one session of each, shape ``(n,)``.
        again_ms: another session of every fourth, NaN elsewhere, shape ``(n,)``.
        slowness: of the machine beside each session, relative to its usual pace when the table was
            measured, shape ``(n,)``.
        again_slowness: the same beside each second session, shape ``(n,)``.
        reference_ms: sessions of the reference network in between, shape ``(sessions,)``.
        machine_shift: median of them over the latency that the predictor has for it, minus 1: how
            much slower the machine is now than when the table was measured.
        speed_margin: part of the upper bounds that is there for the machine's slowest speed.
    """

    vectors: Vectors
    predicted_ms: Floats
    upper_ms: Floats
    measured_ms: Floats
    again_ms: Floats
    slowness: Floats
    again_slowness: Floats
    reference_ms: Floats
    machine_shift: float
    speed_margin: float = 0.0

    @property
    def accuracy(self) -> Accuracy:
        """Figures of merit against what the clock showed."""
        return accuracy(self.predicted_ms, self.upper_ms, self.measured_ms, self.again_ms)

    @property
    def accuracy_at_pace(self) -> Accuracy:
        """The same with every session brought to the pace that the table's machine had.

        The upper bound is then that of the network alone, without the machine's slowest speed.
        """
        return accuracy(
            self.predicted_ms, self.upper_ms * np.exp(-self.speed_margin),
            self.measured_ms / self.slowness, self.again_ms / self.again_slowness,
        )

    def records(self) -> list[dict[str, object]]:
        """Raw pairs as plain data, one per network."""
        return [
            {
                "vector": vector.tolist(),
                "predicted_ms": float(predicted),
                "upper_ms": float(upper),
                "measured_ms": float(measured),
                "again_ms": float(again) if np.isfinite(again) else None,
                "slowness": float(slowness),
            }
            for vector, predicted, upper, measured, again, slowness in zip(
                self.vectors,
                self.predicted_ms,
                self.upper_ms,
                self.measured_ms,
                self.again_ms,
                self.slowness,
                strict=True,
            )
        ]


def fresh_architectures(
    space: OperatorSpace, known: set[tuple[int, ...]], count: int, rng: np.random.Generator
) -> Vectors:
    """Uniform random architectures without repetition, none of them known.

    Args:
        space: the space.
        known: index vectors that must not come back.
        count: how many.
        rng: source of the draws.

    Returns:
        Index vectors, shape ``(count, decisions)``.

    Raises:
        UserError: they could not be found in a bounded number of draws.
    """
    found: dict[tuple[int, ...], None] = {}
    for _ in range(_DRAWS):
        for vector in space.sample(rng, count):
            key = tuple(int(i) for i in vector)
            if key not in known and len(found) < count:
                found[key] = None
        if len(found) == count:
            return np.array(list(found), dtype=np.int64).reshape(count, len(space.decisions))
    raise UserError(
        f"only {len(found)} of {count} fresh architectures after {_DRAWS * count} draws: the "
        f"{space.size} of '{space.name}' are mostly measured; ask for fewer --samples"
    )


def evaluate(
    predictor: LatencyPredictor,
    vectors: Vectors,
    measure: Callable[[Path], Session],
    rng: np.random.Generator,
    earlier: Sequence[Session] = (),
    keep: Callable[[Session], None] = lambda session: None,
) -> Evaluation:
    """Measures architectures in random order and compares them with their predictions.

    Every fourth one is measured twice, in two sessions that lie apart by chance, and the reference
    network now and then in between.

    Args:
        predictor: predicts before anything is measured.
        vectors: index vectors, shape ``(n, decisions)``.
        measure: latency in ms of an ONNX file, in a session of its own, and how much slower than
            at the table's pace the machine was beside it.
        rng: source of the order.
        earlier: what `measure` gave for the first sessions of that order, when it was broken off.
        keep: called with each further session.
    """
    space = predictor.space
    prediction = predictor.predict(vectors)
    sessions: list[list[Session]] = [[] for _ in range(len(vectors))]
    references: list[Session] = []
    with tempfile.TemporaryDirectory(prefix="metronas-") as folder:
        for place, index in enumerate(measuring_order(len(vectors), rng).tolist()):
            taken = references if index == REFERENCE else sessions[index]
            if place < len(earlier):
                taken.append(earlier[place])
                continue
            path = Path(folder) / f"{index}.onnx"
            if not path.exists():
                chosen = None if index == REFERENCE else space.decode(vectors[index])
                space.export_onnx(chosen, path)
            taken.append(measure(path))
            if index != REFERENCE and len(taken) == (1 if index % REPEAT_EVERY else 2):
                path.unlink()
            keep(taken[-1])
    first = np.array([taken[0] for taken in sessions])
    nothing = (np.nan, np.nan)
    second = np.array([taken[1] if len(taken) > 1 else nothing for taken in sessions])
    reference_ms = np.array([latency_ms for latency_ms, _ in references])
    return Evaluation(
        vectors,
        prediction.latency_ms,
        prediction.upper_ms,
        measured_ms=first[:, 0], slowness=first[:, 1],
        again_ms=second[:, 0], again_slowness=second[:, 1],
        reference_ms=reference_ms, speed_margin=predictor.speed_margin,
        machine_shift=float(np.median(reference_ms)) / predictor.predict_reference()[0] - 1,
    )


def measuring_order(count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Random order in which every network occurs once and every fourth twice.

    The reference network, ``REFERENCE``, comes first, after every twentieth session, and last.

    Args:
        count: number of networks.
        rng: source of the shuffle.
    """
    order = rng.permutation(np.concatenate([np.arange(count), np.arange(0, count, REPEAT_EVERY)]))
    between = np.arange(0, len(order), REFERENCE_EVERY)
    return np.append(np.insert(order, between, REFERENCE), REFERENCE)
