"""How good estimates are on networks that were not learned from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from luts.errors import UserError
from luts.library import OperatorLibrary
from luts.operator import Operator
from predictor.device_facts import DeviceFacts
from predictor.estimation.prices import Priced, Prices
from predictor.estimation.rows import LibraryRows
from predictor.estimation.unknown import UnknownKinds
from predictor.estimation.whole import correction, difficulty, fit_interval
from predictor.extremes import Floats
from predictor.operator_model import OperatorModel
from predictor.operators.refit import refit

_FOLDS = 5


def unseen(
    library: OperatorLibrary, rows: LibraryRows, model: OperatorModel, device: DeviceFacts,
    unknown: UnknownKinds, seed: int, say: Callable[[str], None],
) -> list[Priced]:
    """Every network of the library, priced by what the others tell (five folds).

    Args:
        library: the library.
        rows: its rows.
        model: whose recipes are fitted again without the held-out networks.
        device: facts of the target.
        unknown: guesses kinds that the others lack.
        seed: seed of the folds.
        say: told what is being done.

    Returns:
        Prices of the networks, in their order.
    """
    steps: dict[int, list[Operator]] = defaultdict(list)
    for step in library.occurrences:
        steps[step.network].append(step.operator)
    numbers = [network.network for network in library.networks]
    deal = np.random.default_rng(seed).permutation(len(numbers)) % _FOLDS
    found: dict[int, Priced] = {}
    for fold in range(_FOLDS):
        say(f"judging on networks that were left out, {fold + 1} of {_FOLDS}")
        held = [number for number, part in zip(numbers, deal, strict=True) if part == fold]
        rest = rows.without(held)
        operators, latency_ms, _ = rest.to_learn()
        prices = Prices(rest.measured(), refit(model, operators, latency_ms, device), device,
                        unknown)
        for number in held:
            found[number] = prices(steps[number])
    return [found[number] for number in numbers]


def out_of_fold(values: Floats, targets: Floats, seed: int) -> Floats:
    """Corrections by models that have not seen the network, shape ``(networks,)``."""
    deal = np.random.default_rng(seed).permutation(len(targets)) % _FOLDS
    found = np.zeros(len(targets))
    for fold in range(_FOLDS):
        held = deal == fold
        corrector, _ = correction(values[~held], targets[~held], seed)
        found[held] = corrector(values[held])
    return found


def quality(residuals: Floats, raw: Floats) -> dict[str, float]:
    """Errors by name.

    Args:
        residuals: log(measured / estimated) of networks that were not learned from, shape ``(n,)``.
        raw: log(measured / sum of the operators), shape ``(n,)``.
    """
    relative = np.abs(np.exp(-residuals) - 1)
    return {
        "mape": float(relative.mean()), "within_10": float((relative <= 0.1).mean()),
        "within_20": float((relative <= 0.2).mean()),
        "mape_of_sum": float(np.abs(np.exp(-raw) - 1).mean()),
    }


def coverage(residuals: Floats, doubt: Floats, level: float) -> dict[str, float]:
    """Share of networks inside the interval that the other half gives, where that is finite."""
    inside = []
    for first in (0, 1):
        calibrate, judge = slice(first, None, 2), slice(1 - first, None, 2)
        try:
            margin, floor = fit_interval(residuals[calibrate], doubt[calibrate], level)
        except UserError:  # too few for a finite interval
            return {}
        inside.append(np.abs(residuals[judge]) <= margin * difficulty(doubt[judge], floor))
    return {"coverage": float(np.concatenate(inside).mean())}
