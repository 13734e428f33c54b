"""The search: ask the strategy, predict, score, tell."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from evolution.constraint import LatencyConstraint
from evolution.objectives import objective_values
from evolution.progress import View
from evolution.region import Region
from evolution.scoring import Candidate, Scorer
from evolution.strategies.base import Strategy, Vector


class Search:
    """Scores architectures batch by batch and keeps all of them.

    Attributes:
        candidates: all that were scored.
        struck: those that verification took out.
        after_batch: is called when a batch was scored and told.

    Args:
        strategy: proposes.
        scorer: judges.
        region: what is allowed.
        latency: the latency constraint of that region.
        view: is told of every score.
    """

    def __init__(
        self,
        strategy: Strategy,
        scorer: Scorer,
        region: Region,
        latency: LatencyConstraint,
        view: View,
    ) -> None:
        self.strategy = strategy
        self.scorer = scorer
        self.region = region
        self.latency = latency
        self.view = view
        self.candidates: list[Candidate] = []
        self.struck: set[Vector] = set()
        self.after_batch: Callable[[], None] | None = None
        self._others = [limit for limit in region.limits
                        if isinstance(limit, LatencyConstraint) and limit is not latency]
        self._elsewhere: dict[Vector, list[float]] = {}
        self._batches = 0
        self._best: Candidate | None = None
        self._looked: tuple[tuple[float, ...], int] = ((), 0)

    def advance(self, evaluations: int) -> int:
        """Scores further architectures.

        Args:
            evaluations: at most this many.

        Returns:
            How many were scored; fewer when the strategy found nothing new.
        """
        done = 0
        while done < evaluations:
            vectors = self.strategy.ask(min(self.strategy.batch, evaluations - done))
            if not len(vectors):
                break
            predicted = self.latency.predictor.predict(vectors)
            fitness = np.empty(len(vectors))
            scored = self.scorer.score(vectors, predicted, generation=self._batches)
            if not self.scorer.ledger.replaying:
                self.view.working()
            places = {tuple(row): place for place, row in enumerate(vectors.tolist())}
            for candidate in scored:
                fitness[places[candidate.vector]] = candidate.fitness
                self.candidates.append(candidate)
                self.view.scored(candidate, self.best(), self.region.share)
            told = objective_values(
                self.strategy.objectives, self.region.space, vectors, fitness, predicted
            )
            self.strategy.tell(vectors, told)
            self._batches += 1
            if self.after_batch is not None:
                self.after_batch()
            done += len(vectors)
        return done

    def able(self) -> list[Candidate]:
        """Those that keep the budgets as they are now understood and were not struck."""
        return [candidate for candidate in self.candidates if self._able(candidate)]

    def _able(self, candidate: Candidate) -> bool:
        return (
            math.isfinite(candidate.fitness)
            and candidate.pairs is None
            and candidate.vector not in self.struck
            and bool(self.latency.keeps(np.array([candidate.upper_ms]))[0])
            and all(
                limit.keeps(np.array([upper_ms]))[0]
                for limit, upper_ms in self.elsewhere(candidate)
            )
        )

    def best(self) -> Candidate | None:
        """The fittest of the able."""
        limits = [self.latency, *self._others]
        bounds = (*(x.correction for x in limits), *(x.budget_ms for x in limits), len(self.struck))
        before, looked = self._looked
        # It is asked for with every score: all of them are looked at again only after a strike.
        if before != bounds:
            self._best, looked = None, 0
        fresh = [c for c in self.candidates[looked:] if self._able(c)]
        known = [] if self._best is None else [self._best]
        self._best = min([*known, *fresh], key=lambda candidate: candidate.rank, default=None)
        self._looked = bounds, len(self.candidates)
        return self._best

    def elsewhere(self, candidate: Candidate) -> list[tuple[LatencyConstraint, float]]:
        """The limits on the further targets, and its upper bounds there in ms, as predicted."""
        known = self._elsewhere.get(candidate.vector)
        if known is None:
            row = np.array([candidate.vector], dtype=np.int64)
            known = [float(limit.upper_ms(row)[0]) for limit in self._others]
            self._elsewhere[candidate.vector] = known
        return list(zip(self._others, known, strict=True))

    def strike(self, candidate: Candidate) -> None:
        """Takes an architecture out of the running."""
        self.struck.add(candidate.vector)
