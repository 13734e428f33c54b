"""Fresh architectures, measured in separate sessions, against their predictions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from luts.space import OperatorSpace, Vectors
from predictor.base import LatencyPredictor
from predictor.evaluation_result import Evaluation
from predictor.extremes import Floats

REPEAT_EVERY = 4
REFERENCE_EVERY = 20
REFERENCE = -1
_DRAWS = 50
_SMOOTHED = 5

# Latency in ms, and how much slower than at the table's pace the machine was beside it.
Session = tuple[float, float]


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
    order = measuring_order(len(vectors), rng)
    taken: list[Session] = list(earlier[: len(order)])
    with tempfile.TemporaryDirectory(prefix="metronas-") as folder:
        for place in range(len(taken), len(order)):
            index = int(order[place])
            path = Path(folder) / f"{index}.onnx"
            if not path.exists():
                chosen = None if index == REFERENCE else space.decode(vectors[index])
                space.export_onnx(chosen, path)
            taken.append(measure(path))
            if index not in order[place + 1 :]:
                path.unlink()
            keep(taken[-1])
    latency_ms, slowness = np.array(taken).T
    reference = order == REFERENCE
    reference_ms = predictor.predict_reference()[0]
    levels = levels_of(reference, latency_ms / slowness / reference_ms)
    series = np.stack([latency_ms, slowness, levels], axis=1)
    first = np.array([series[order == index][0] for index in range(len(vectors))])
    nothing = np.full(3, np.nan)
    second = np.array([
        series[order == index][1] if index % REPEAT_EVERY == 0 else nothing
        for index in range(len(vectors))
    ])
    return Evaluation(
        vectors,
        prediction.latency_ms,
        prediction.upper_ms,
        measured_ms=first[:, 0], slowness=first[:, 1], levels=first[:, 2],
        again_ms=second[:, 0], again_slowness=second[:, 1], again_levels=second[:, 2],
        reference_ms=latency_ms[reference], speed_margin=predictor.speed_margin,
        machine_shift=float(np.median(latency_ms[reference])) / reference_ms - 1,
    )


def levels_of(reference: npt.NDArray[np.bool_], ratios: Floats) -> Floats:
    """What the reference's sessions, each smoothed with two on either side, say of all sessions.

    Args:
        reference: which sessions, in the order of measuring, are the reference's, shape
            ``(sessions,)``.
        ratios: what each took at one pace over the reference's prediction, shape ``(sessions,)``;
            those of other networks are not looked at.

    Returns:
        Factors, shape ``(sessions,)``.
    """
    from scipy.ndimage import median_filter

    places = np.flatnonzero(reference)
    smooth = median_filter(ratios[places], size=_SMOOTHED, mode="nearest")
    levels: Floats = np.interp(np.arange(len(ratios)), places, smooth)
    return levels


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
