"""Chooses a corrector by cross-validation and collects its out-of-fold scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from predictor.corrector import Corrector, Method, Trees
from predictor.extremes import Floats

_PENALTIES = (0.03, 0.3, 3.0)
_TREES = Trees()
CANDIDATES: tuple[Method, ...] = (
    Method(),
    *(Method(penalty) for penalty in _PENALTIES),
    Method(trees=_TREES),
    *(Method(penalty, _TREES) for penalty in _PENALTIES),
)
"""From simple to complex; on equal errors the simpler one is taken."""

Indices = npt.NDArray[np.int64]


def folds(count: int, parts: int, rng: np.random.Generator) -> Iterator[tuple[Indices, Indices]]:
    """Random splits into training and held-out indices; every index is held out once.

    Args:
        count: number of networks, each a different architecture.
        parts: number of folds, at most ``count``.
        rng: source of the shuffle.
    """
    shuffled = rng.permutation(count)
    for part in range(parts):
        held = np.sort(shuffled[part::parts])
        yield np.setdiff1d(np.arange(count), held), held


def choose(
    features: Floats,
    targets: Floats,
    seed: int,
    *,
    candidates: Sequence[Method] = CANDIDATES,
    parts: int = 5,
    repeats: int = 3,
) -> tuple[Method, dict[str, float]]:
    """The candidate with the least mean absolute error in repeated cross-validation.

    Trees correct a baseline that is itself a candidate, so they are only taken where they help
    on networks that they have not seen.

    Args:
        features: shape ``(networks, features)``.
        targets: log(measured / sum), shape ``(networks,)``.
        seed: seed of the splits.
        candidates: methods, from simple to complex.
        parts: folds of each repeat.
        repeats: repeats with different splits.

    Returns:
        The best method, and the error of each candidate by name.
    """
    rng = np.random.default_rng(seed)
    errors = np.zeros(len(candidates))
    for _ in range(repeats):
        for train, held in folds(len(targets), parts, rng):
            for index, method in enumerate(candidates):
                fitted = Corrector.fit(method, features[train], targets[train], seed)
                errors[index] += np.abs(fitted(features[held]) - targets[held]).sum()
    errors /= repeats * len(targets)
    best = candidates[int(np.argmin(errors))]
    return best, {r.name: float(e) for r, e in zip(candidates, errors, strict=True)}


def out_of_fold(features: Floats, targets: Floats, seed: int, *, parts: int = 10) -> Floats:
    """Correction of each network by a model that has not seen it, shape ``(networks,)``.

    The whole procedure, the choice of the method included, is repeated without the fold, so that
    the errors are those of fresh networks. Their upper quantile is the bound's width:

    * Each fold's errors are split-conformal scores of that fold's model, which was fitted without
      them; a fresh network drawn in the same way is exchangeable with them.
    * The pooled quantile is put on the model fitted to all networks, which is not a fold's
      model. Coverage at the stated level therefore holds as far as the two models agree
      (cross-conformal prediction; Vovk 2015, Barber et al. 2021, whose worst case without any
      such agreement is 1 - 2 (1 - level) for the related CV+). With nine tenths of the
      networks in each fold's model, errors tend to be slightly larger than those of the final
      model, which errs on the safe side.
    * It holds on average over networks drawn like the calibration networks (uniformly), not for
      each one, and not for networks that a search picked because their prediction is low.

    Args:
        features: shape ``(networks, features)``.
        targets: log(measured / sum), shape ``(networks,)``.
        seed: seed of splits and trees.
        parts: folds.
    """
    rng = np.random.default_rng(seed)
    corrections = np.empty(len(targets))
    for train, held in folds(len(targets), min(parts, len(targets)), rng):
        method, _ = choose(features[train], targets[train], seed, repeats=1)
        fitted = Corrector.fit(method, features[train], targets[train], seed)
        corrections[held] = fitted(features[held])
    return corrections
