"""What decisions and operators add to a predicted latency."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luts.errors import UserError
from luts.files import read_json
from luts.space import Choice, OperatorSpace
from luts.table import LatencyTable
from predictor.base import LatencyPredictor
from predictor.extremes import Floats, Vector

_FITTED, _HELD, _SHOWN = 20_000, 2_000, 4_000
_NAMED = ("fastest", "slowest", "typical")


@dataclass(frozen=True, slots=True)
class DecisionEffect:
    """What one decision adds.

    Attributes:
        name: of the decision.
        mean_effect_ms: mean absolute SHAP value over random architectures.
        by_choice_ms: choice to its mean SHAP value over random architectures that have it.
        chosen: what the explained architecture chose.
        effect_ms: what that adds there.
    """

    name: str
    mean_effect_ms: float
    by_choice_ms: dict[Choice, float]
    chosen: Choice
    effect_ms: float


@dataclass(frozen=True, slots=True)
class OperatorCost:
    """What one operator costs in an architecture.

    Attributes:
        key: of the operator.
        executions: in one inference, all places together.
        latency_ms: of all of them.
        share: of the predicted latency.
    """

    key: str
    executions: int
    latency_ms: float
    share: float


@dataclass(frozen=True)
class Explanation:
    """An architecture and its space, explained.

    Attributes:
        vector: index vector of the architecture.
        latency_ms: its predicted latency.
        upper_ms: its upper bound.
        mean_ms: mean over random architectures, from which effects are counted.
        surrogate_error: mean absolute relative error of the trees behind the SHAP values against
            the predictor, on architectures that they were not fitted to.
        decisions: the most telling first.
        operators: the costliest first.
    """

    vector: tuple[int, ...]
    latency_ms: float
    upper_ms: float
    mean_ms: float
    surrogate_error: float
    decisions: tuple[DecisionEffect, ...]
    operators: tuple[OperatorCost, ...]

    def as_json(self) -> dict[str, Any]:
        """As it is printed."""
        return asdict(self)


def pick_architecture(wanted: str, predictor: LatencyPredictor, seed: int) -> Vector:
    """The architecture that somebody asks for.

    Args:
        wanted: ``fastest``, ``slowest``, ``typical`` (the middle of a thousand random ones), or a
            JSON file: an architecture, or the ``result.json`` of a run.
        predictor: of the space.
        seed: seed of the random ones.

    Raises:
        UserError: it is none of these, or the file holds no architecture of the space.
    """
    space = predictor.space
    if wanted == "fastest":
        return predictor.fastest()
    if wanted == "slowest":
        return predictor.slowest()
    if wanted == "typical":
        vectors = space.sample(np.random.default_rng(seed), 1001)
        order = np.argsort(predictor.predict(vectors).latency_ms)
        typical: Vector = vectors[order[len(order) // 2]]
        return typical
    if not Path(wanted).is_file():
        raise UserError(f"--architecture '{wanted}' is neither {', '.join(_NAMED)} nor a file")
    raw = read_json(Path(wanted))
    # A run keeps its winner under "best".
    for name in ("best", "architecture"):
        raw = raw.get(name, raw) if isinstance(raw, dict) else None
    found = raw
    if not isinstance(found, dict):
        raise UserError(f"'{wanted}' holds no architecture of '{space.name}'")
    return space.encode(space.architecture(found))


def explain(
    space: OperatorSpace, table: LatencyTable, predictor: LatencyPredictor, vector: Vector,
    *, seed: int = 0,
) -> Explanation:
    """Explains one architecture, and the decisions of its space.

    SHAP values are exact for trees (Lundberg et al. 2020), which are fitted here to the predictor.

    Args:
        space: the space.
        table: the table behind the predictor.
        predictor: what is explained.
        vector: index vector of the architecture, shape ``(decisions,)``.
        seed: seed of the random architectures.
    """
    prediction = predictor.predict(vector[None])
    latency_ms = float(prediction.latency_ms[0])
    vectors = space.sample(np.random.default_rng(seed), _SHOWN)
    effects, mean_ms, error = _shap(space, predictor, np.vstack([vector[None], vectors]), seed)
    decisions = []
    for index, decision in enumerate(space.decisions):
        own = effects[1:, index]
        by_choice = {
            choice: float(own[vectors[:, index] == place].mean())
            for place, choice in enumerate(decision.choices)
            if (vectors[:, index] == place).any()
        }
        decisions.append(DecisionEffect(
            decision.name, float(np.abs(own).mean()), by_choice,
            decision.choices[int(vector[index])], float(effects[0, index]),
        ))
    decisions.sort(key=lambda item: -item.mean_effect_ms)
    return Explanation(
        tuple(int(i) for i in vector), latency_ms, float(prediction.upper_ms[0]), mean_ms, error,
        tuple(decisions), _operators(space, table, vector, latency_ms),
    )


def _shap(
    space: OperatorSpace, predictor: LatencyPredictor, vectors: Vector, seed: int
) -> tuple[Floats, float, float]:
    """SHAP values in ms, shape ``(count, decisions)``; their base; error of the trees."""
    import xgboost

    drawn = space.sample(np.random.default_rng(seed + 1), _FITTED + _HELD)
    truth_ms = predictor.predict(drawn).latency_ms
    settings = {"objective": "reg:squarederror", "max_depth": 6, "eta": 0.15, "nthread": 1,
                "seed": seed, "verbosity": 0, "base_score": float(truth_ms[:_FITTED].mean())}
    data = xgboost.DMatrix(drawn[:_FITTED].astype(np.float32), label=truth_ms[:_FITTED], nthread=1)
    booster = xgboost.train(settings, data, num_boost_round=200)

    def matrix(rows: Vector) -> Any:
        return xgboost.DMatrix(rows.astype(np.float32), nthread=1)

    held = booster.predict(matrix(drawn[_FITTED:]))
    error = float(np.mean(np.abs(held / truth_ms[_FITTED:] - 1)))
    contributions = booster.predict(matrix(vectors), pred_contribs=True).astype(np.float64)
    return contributions[:, :-1], float(contributions[0, -1]), error


def _operators(
    space: OperatorSpace, table: LatencyTable, vector: Vector, latency_ms: float
) -> tuple[OperatorCost, ...]:
    executions: dict[str, int] = defaultdict(int)
    cost_ms: dict[str, float] = defaultdict(float)
    for placed in space.lower(space.decode(vector)):
        key = placed.operator.key
        executions[key] += placed.repeats
        cost_ms[key] += table[placed.operator].latency_ms * placed.repeats
    return tuple(sorted(
        (OperatorCost(key, executions[key], ms, ms / latency_ms) for key, ms in cost_ms.items()),
        key=lambda item: -item.latency_ms,
    ))
