"""Fitness of architectures: a weighted sum of validation metrics, each scored once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evolution.ledger import EVALUATED, Ledger
from evolution.pools.base import Job, Pool, Scored
from evolution.strategies.base import Vector
from luts.errors import CorruptFileError, UserError
from luts.space import OperatorSpace, Vectors
from predictor.base import Prediction


@dataclass(frozen=True, slots=True)
class Candidate:
    """One scored architecture.

    Attributes:
        vector: its choice indices.
        generation: batch in which it was proposed, from 0.
        latency_ms: predicted.
        upper_ms: upper bound as predicted, without what verification taught.
        metrics: validation metrics; None for one that was not finite. Empty where the fitness is
            an estimate from part of the validation pairs.
        fitness: smaller is better; infinite when a metric was not finite.
        seconds: what scoring took.
        pairs: validation pairs behind an estimated fitness; None where it rests on all.
    """

    vector: Vector
    generation: int
    latency_ms: float
    upper_ms: float
    metrics: dict[str, float | None]
    fitness: float
    seconds: float
    pairs: int | None = None

    @property
    def rank(self) -> tuple[float, float, Vector]:
        """Sort key: the best comes first, ties are settled the same way every time."""
        return self.fitness, self.upper_ms, self.vector

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Candidate:
        """Reads an ``evaluated`` event.

        Raises:
            CorruptFileError: a field is missing or of another type.
        """
        try:
            fitness = record["fitness"]
            return cls(
                tuple(record["vector"]),
                int(record["generation"]),
                float(record["latency_ms"]),
                float(record["upper_ms"]),
                dict(record["metrics"]),
                math.inf if fitness is None else float(fitness),
                float(record["seconds"]),
                record.get("pairs"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"an evaluation in the journal is damaged ({error})") from None


class Scorer:
    """Scores architectures; the ledger remembers each.

    Args:
        space: decodes vectors.
        pool: gives the metrics.
        weights: weight of each metric in the fitness.
        ledger: where scores are kept.
    """

    def __init__(
        self,
        space: OperatorSpace,
        pool: Pool,
        weights: Mapping[str, float],
        ledger: Ledger,
    ) -> None:
        self.space = space
        self.pool = pool
        self.weights = dict(weights)
        self.ledger = ledger
        self._scored: dict[Vector, Candidate] = {}

    def score(
        self, vectors: Vectors, predicted: Prediction, *, generation: int
    ) -> Iterator[Candidate]:
        """Scores a batch, or recalls its scores, one candidate after the other.

        Args:
            vectors: index vectors, shape ``(n, decisions)``.
            predicted: their latencies.
            generation: number of the batch.

        Raises:
            UserError: the fitness names a metric that the task does not give, or workers fail.
        """
        rows: list[Vector] = [tuple(row) for row in vectors.tolist()]
        pending: Iterator[Scored] | None = None
        for index, vector in enumerate(rows):
            if vector not in self._scored:
                record = self.ledger.recall(EVALUATED, vector=list(vector))
                if record is None:
                    # The journal ends here, so all that follow are new as well.
                    pending = pending or self.pool.scores(self._jobs(rows[index:]))
                    record = self._write(
                        next(pending), vector, generation, float(predicted.latency_ms[index]),
                        float(predicted.upper_ms[index]),
                    )
                self._scored[vector] = Candidate.from_record(record)
            yield self._scored[vector]

    def _jobs(self, rows: list[Vector]) -> list[Job]:
        fresh = [row for row in dict.fromkeys(rows) if row not in self._scored]
        return [Job(self.space.decode(np.array(row, dtype=np.int64))) for row in fresh]

    def _write(
        self, scored: Scored, vector: Vector, generation: int, latency_ms: float, upper_ms: float
    ) -> dict[str, Any]:
        return self.ledger.write(
            EVALUATED,
            vector=list(vector),
            generation=generation,
            latency_ms=latency_ms,
            upper_ms=upper_ms,
            metrics={name: finite(value) for name, value in scored.metrics.items()},
            fitness=finite(weighted(scored.metrics, self.weights)),
            seconds=scored.seconds,
        )


def weighted(metrics: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Weighted sum of metrics.

    Raises:
        UserError: a weight is for a metric that is not there.
    """
    missing = sorted(set(weights) - set(metrics))
    if missing:
        raise UserError(
            f"the recipe's strategy.fitness names '{missing[0]}', which the task does not give; "
            f"it gives: {', '.join(sorted(metrics))}"
        )
    return math.fsum(weight * metrics[name] for name, weight in weights.items() if weight)


def finite(value: float) -> float | None:
    """The number, or None for nan and infinities, which JSON does not have."""
    return float(value) if math.isfinite(value) else None
