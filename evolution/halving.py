"""Successive halving: part of the validation pairs for all of a batch, all pairs for the better.

With one step between part and whole, of the scheme of Jamieson and Talwalkar, "Non-stochastic Best
Arm Identification and Hyperparameter Optimization", AISTATS 2016. What it saves:
docs/decisions/scoring-processes.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from evolution.ledger import EVALUATED, SCREENED, Ledger
from evolution.pools.base import Job, Pool
from evolution.recipe import StrategySection
from evolution.scoring import Candidate, Scorer, finite, weighted
from evolution.screening import HalvingSection
from evolution.strategies.base import Vector
from luts.errors import CorruptFileError
from luts.space import OperatorSpace, Vectors
from predictor.base import Prediction


class HalvingScorer(Scorer):
    """Scores a batch on part of the pairs, and its better share on all.

    What is not promoted keeps a fitness from its part: raised by the mean difference between whole
    and part of those that were promoted from its batch, so that a strategy learns from it. It
    cannot win.

    Args:
        space: decodes vectors.
        pool: gives the metrics.
        weights: weight of each metric in the fitness.
        ledger: where scores are kept, of parts as well.
        halving: how large the part and the share are.
    """

    def __init__(
        self, space: OperatorSpace, pool: Pool, weights: Mapping[str, float], ledger: Ledger,
        halving: HalvingSection,
    ) -> None:
        super().__init__(space, pool, weights, ledger)
        self.halving = halving

    def score(
        self, vectors: Vectors, predicted: Prediction, *, generation: int
    ) -> Iterator[Candidate]:
        """See `Scorer.score`; those that are promoted come first."""
        rows: list[Vector] = [tuple(row) for row in vectors.tolist()]
        parts = self._screened([row for row in rows if row not in self._scored])
        best = sorted(parts, key=lambda row: parts[row]["part"])
        promoted = set(best[: math.ceil(len(parts) * self.halving.share)])
        first = [place for place, row in enumerate(rows) if row in promoted or row not in parts]
        differences = []
        for candidate in super().score(vectors[first], _some(predicted, first),
                                       generation=generation):
            if candidate.vector in promoted:
                differences.append(candidate.fitness - parts[candidate.vector]["part"])
            yield candidate
        known = [difference for difference in differences if math.isfinite(difference)]
        shift = float(np.mean(known)) if known else 0.0
        for place in sorted(set(range(len(rows))) - set(first)):
            yield self._estimated(rows[place], parts[rows[place]], shift, _some(predicted, [place]),
                                  generation)

    def _screened(self, rows: list[Vector]) -> dict[Vector, dict[str, Any]]:
        """The part's fitness of each architecture and the seconds that it took."""
        found: dict[Vector, dict[str, Any]] = {}
        for row in rows:
            record = self.ledger.recall(SCREENED, vector=list(row))
            if record is None:
                break
            found[row] = record
        jobs = [Job(job.architecture, self.halving.pairs) for job in self._jobs(rows[len(found):])]
        for row, scored in zip(rows[len(found):], self.pool.scores(jobs), strict=True):
            found[row] = self.ledger.write(
                SCREENED, vector=list(row), pairs=self.halving.pairs,
                metrics={name: finite(value) for name, value in scored.metrics.items()},
                fitness=finite(weighted(scored.metrics, self.weights)),
                seconds=scored.seconds,
            )
        return {row: _part(record) for row, record in found.items()}

    def _estimated(
        self, row: Vector, part: dict[str, Any], shift: float, predicted: Prediction,
        generation: int,
    ) -> Candidate:
        record = self.ledger.recall(EVALUATED, vector=list(row)) or self.ledger.write(
            EVALUATED, vector=list(row), generation=generation,
            latency_ms=float(predicted.latency_ms[0]), upper_ms=float(predicted.upper_ms[0]),
            metrics={}, fitness=finite(part["part"] + shift), seconds=part["seconds"],
            pairs=self.halving.pairs,
        )
        candidate = self._scored[row] = Candidate.from_record(record)
        return candidate


def make_scorer(
    space: OperatorSpace, pool: Pool, section: StrategySection, ledger: Ledger
) -> Scorer:
    """The scorer that a recipe's strategy section asks for."""
    if section.halving is None:
        return Scorer(space, pool, section.fitness, ledger)
    return HalvingScorer(space, pool, section.fitness, ledger, section.halving)


def _part(record: dict[str, Any]) -> dict[str, Any]:
    try:
        fitness = record["fitness"]
        return {"part": math.inf if fitness is None else float(fitness),
                "seconds": float(record["seconds"])}
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"a part of an evaluation in the journal is damaged ({error})"
                               ) from None


def _some(predicted: Prediction, places: list[int]) -> Prediction:
    return Prediction(predicted.latency_ms[places], predicted.upper_ms[places])
