"""The Pareto front of a search over a range of budgets: kept, logged, and proved at some points."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from evolution.ledger import FRONT, Ledger
from evolution.measured import Latency
from evolution.pareto import hypervolume, ranks
from evolution.progress import View
from evolution.recipe import VerificationSection
from evolution.rounds import NOT_MEASURED, Outcome, Round, check_candidate, learn
from evolution.scoring import Candidate
from evolution.search import Search
from evolution.strategies.base import Vector
from evolution.verification import Verifier


class FrontPoint(BaseModel):
    """A network that no other one beats in both latency and fitness.

    Attributes:
        architecture: decision to value.
        latency_ms: predicted.
        upper_ms: upper bound as corrected in the end: the tightest budget that it is sure to keep.
        fitness: smaller is better.
        metrics: validation metrics.
        measured: on the target; None: it was not measured.
        reference: the reference's latency, measured in turns with it, or None.
        verified: whether it was measured within its upper bound, with outputs as in torch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: dict[str, int]
    latency_ms: float
    upper_ms: float
    fitness: float
    metrics: dict[str, float | None]
    measured: Latency | None
    reference: Latency | None
    verified: bool


class FrontResult(BaseModel):
    """The front over a range of budgets.

    Attributes:
        low_ms: lower end of the range.
        high_ms: upper end; all points are sure to keep it.
        points: from the fastest to the slowest.
        hypervolume: after each batch, of upper bounds (ms) and fitness, below `worst`.
        worst: reference point of the hypervolume: upper end and worst fitness of the first batch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low_ms: float
    high_ms: float
    points: tuple[FrontPoint, ...]
    hypervolume: tuple[float, ...]
    worst: tuple[float, float]


class FrontLog:
    """Writes the hypervolume into the journal after each batch.

    Args:
        search: is watched.
        ledger: keeps it; a resumed run finds what stands there.
    """

    def __init__(self, search: Search, ledger: Ledger) -> None:
        self._search = search
        self._ledger = ledger
        self.worst = (float("nan"), float("nan"))
        self.volumes: list[float] = []
        search.after_batch = self

    def __call__(self) -> None:
        """A batch was scored and told."""
        fitness = [c.fitness for c in self._search.candidates if np.isfinite(c.fitness)]
        if np.isnan(self.worst[1]) and fitness:
            self.worst = (self._search.latency.budget_ms, max(fitness))
        points = front_of(self._search)
        values = np.array([(corrected(self._search, c), c.fitness) for c in points])
        volume = hypervolume(values.reshape(-1, 2), np.array(self.worst)) if points else 0.0
        record = self._ledger.recall(FRONT)
        if record is None:
            self._ledger.write(FRONT, points=len(points), hypervolume=volume,
                               worst=list(self.worst) if points else None)
        self.volumes.append(volume)


def corrected(search: Search, candidate: Candidate) -> float:
    """A candidate's upper bound in ms, with what verification taught."""
    return candidate.upper_ms * search.latency.correction


def front_of(search: Search) -> list[Candidate]:
    """Candidates that keep every limit and that none beats in bound and fitness, fastest first."""
    able = search.able()
    if not able:
        return []
    values = np.array([(c.upper_ms, c.fitness) for c in able])
    first = np.flatnonzero(ranks(values) == 0)
    kept: dict[tuple[float, float], Candidate] = {}
    for index in first.tolist():
        kept.setdefault((able[index].upper_ms, able[index].fitness), able[index])
    return sorted(kept.values(), key=lambda c: (c.upper_ms, c.rank))


def prove_front(
    search: Search, verifier: Verifier, ledger: Ledger, limits: VerificationSection, view: View,
    count: int,
) -> tuple[Outcome | None, dict[Vector, Round]]:
    """Measures some points of the front, evenly spaced from one end to the other.

    Each must keep its own upper bound. One that does not is struck, bounds are tightened, and the
    point that stands in its place is measured, at most ``limits.rounds`` times for each place.

    Args:
        search: has scored its candidates.
        verifier: measures.
        ledger: keeps each round.
        limits: how many rounds for each place.
        view: is told.
        count: how many places.

    Returns:
        The outcome, which chooses the fittest point that was verified, and all rounds that were
        passed by architecture; None where no candidate could be scored.
    """
    rounds: list[Round] = []
    passed: dict[Vector, Round] = {}
    for place in np.linspace(1, 0, count).tolist():
        for _ in range(limits.rounds):
            front = front_of(search)
            if not front:
                break
            candidate = front[round(place * (len(front) - 1))]
            if candidate.vector in passed:
                break
            bound_ms = corrected(search, candidate)
            check = check_candidate(candidate, search, verifier, ledger, view, bound_ms)
            rounds.append(Round(candidate, check))
            if not check.faults:
                passed[candidate.vector] = rounds[-1]
                if check.best is not None:
                    view.say(f"verified a point of the front: {check.best.median_ms:.3f} ms "
                             f"measured, bound {bound_ms:.3f} ms")
                break
            view.say(f"struck from the front: {'; '.join(check.faults)}")
            search.strike(candidate)
            learn(search, candidate, check)
    if not rounds:
        return None, passed
    if not passed:
        why = f"{len(rounds)} points of the front were struck; the last because "
        return Outcome(tuple(rounds), rounds[-1], why + "; ".join(rounds[-1].check.faults)), passed
    best = min(passed.values(), key=lambda tried: tried.candidate.rank)
    return Outcome(tuple(rounds), best, "" if best.check.best is not None else NOT_MEASURED), passed
