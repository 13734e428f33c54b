"""Verification rounds: measure the best, strike it when it fails, learn, and go on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from evolution.ledger import EXPORTED, STRUCK, VERIFIED, Ledger
from evolution.progress import View
from evolution.recipe import VerificationSection
from evolution.scoring import Candidate
from evolution.search import Search
from evolution.verification import Check, Verifier
from luts.errors import CorruptFileError

NOT_MEASURED = "its latency is predicted, not measured: the target is not here"


@dataclass(frozen=True)
class Round:
    """One candidate and what was found about it."""

    candidate: Candidate
    check: Check


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        rounds: all candidates that were checked, in order.
        chosen: the round that stands in the result: the verified one or, when none was, of those
            whose only fault is latency the one that took least, before all others; without
            measurements, the first without faults.
        reason: why it is not verified; empty when it is.
    """

    rounds: tuple[Round, ...]
    chosen: Round
    reason: str

    @property
    def verified(self) -> bool:
        """Whether the chosen candidate was measured within the budget."""
        return not self.reason


def prove(
    search: Search,
    verifier: Verifier,
    ledger: Ledger,
    limits: VerificationSection,
    view: View,
) -> Outcome | None:
    """Finds the best candidate that holds on the device.

    Where nothing can be measured, the best whose export agrees with torch, which is not verified.

    Args:
        search: has scored its candidates; scores more after a strike.
        verifier: measures.
        ledger: keeps each round, so that a resumed run goes the same way.
        limits: how many rounds, and how many further evaluations after each strike.
        view: is told of each round.

    Returns:
        The outcome; None when no candidate could be scored at all.
    """
    rounds: list[Round] = []
    for number in range(1, limits.rounds + 1):
        candidate = search.best()
        if candidate is None:
            break
        check = check_candidate(candidate, search, verifier, ledger, view)
        rounds.append(Round(candidate, check))
        if not check.faults and check.best is None:
            view.say("exported and compared with torch; not measured, for the target is not here")
            return Outcome(tuple(rounds), rounds[-1], NOT_MEASURED)
        if not check.faults and check.best is not None:
            view.say(
                f"verified: {check.best.median_ms:.3f} ms measured, budget "
                f"{verifier.budget_ms:.3f} ms"
            )
            return Outcome(tuple(rounds), rounds[-1], "")
        view.say(f"struck in round {number} of {limits.rounds}: {'; '.join(check.faults)}")
        search.strike(candidate)
        learn(search, candidate, check)
        if number < limits.rounds:
            search.advance(limits.evaluations_per_strike)
    if not rounds:
        return None
    nearest = min(rounds, key=_failing)
    done = "measured" if nearest.check.best is not None else "exported"
    why = (
        f"{len(rounds)} of at most {limits.rounds} candidates were {done} and struck; "
        f"the last because {'; '.join(rounds[-1].check.faults)}"
    )
    return Outcome(tuple(rounds), nearest, why)


def learn(search: Search, candidate: Candidate, check: Check) -> None:
    """Tightens the bounds on every target where a candidate broke its budget."""
    if check.over_budget and check.best is not None:
        search.latency.tighten(check.best.median_ms, candidate.upper_ms)
    for limit, upper_ms in search.elsewhere(candidate):
        if limit.label in check.over_also:
            limit.tighten(check.also[limit.label].median_ms, upper_ms)
    if check.over_budget or check.over_also:
        search.region.changed()


def _failing(tried: Round) -> tuple[bool, float]:
    """Sort key: what computes something else is worth less than what is too slow."""
    check = tried.check
    wrong = len(check.faults) > len(check.over_also) + check.over_budget
    return wrong, tried.candidate.latency_ms if check.best is None else check.best.median_ms


def check_candidate(
    candidate: Candidate, search: Search, verifier: Verifier, ledger: Ledger, view: View,
    budget_ms: float | None = None,
) -> Check:
    """Verifies a candidate, or takes from the journal what was found about it.

    Args:
        candidate: to be verified.
        search: proposed it.
        verifier: measures.
        ledger: keeps what is found.
        view: is told.
        budget_ms: limit for the measured median; None takes the search's.

    Raises:
        CorruptFileError: the journal is damaged.
    """
    record = ledger.recall(VERIFIED, EXPORTED, STRUCK, vector=list(candidate.vector))
    if record is not None:
        try:
            return Check.model_validate(record["check"])
        except (ValidationError, KeyError):
            raise CorruptFileError("a verification event in the journal is damaged") from None
    view.end()  # a live view would redraw during the measurement
    steps = "export, comparison with torch" + (", measurement" if verifier.measure else "")
    view.say(f"verifying the best candidate: {steps}")
    vector = np.array(candidate.vector, dtype=np.int64)
    check = verifier.verify(search.region.space.decode(vector), budget_ms)
    ledger.write(
        STRUCK if check.faults else VERIFIED if check.best is not None else EXPORTED,
        vector=list(candidate.vector),
        check=check.model_dump(mode="json"),
    )
    return check
