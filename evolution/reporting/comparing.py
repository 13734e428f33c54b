"""Several finished runs, read to be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from evolution.folder import JOURNAL, RECIPE, read_settings
from evolution.growing_front import GrowingFront
from evolution.reporting.story import read_candidates
from evolution.result import Result, load_result
from evolution.scoring import Candidate
from luts.errors import UserError
from luts.recipes import parse_recipe


@dataclass(frozen=True)
class Compared:
    """One run among others.

    Attributes:
        name: the shortest end of its path that no other run has.
        strategy: what proposed.
        result: its answer.
        candidates: all that it scored, in order.
        best: least metric within the budget after each evaluation; None before there is one.
        hypervolumes: after each evaluation, as a share of the box that all runs of a target share.
    """

    name: str
    strategy: str
    result: Result
    candidates: tuple[Candidate, ...]
    best: tuple[float | None, ...]
    hypervolumes: tuple[float, ...]

    def row(self) -> dict[str, Any]:
        """What a table shows, with None for what is not known."""
        result, best = self.result, self.result.best
        return {
            "run": self.name,
            "target": result.target,
            "latencies": result.latencies,
            "recipe": result.recipe,
            "strategy": self.strategy,
            "seed": result.seed,
            "budget_ms": result.constraint.latency_ms,
            "predicted_ms": best.predicted_latency_ms,
            "upper_ms": best.upper_latency_ms,
            "measured_ms": best.measured_latency_ms,
            "verified": result.verified,
            "struck": sum(1 for done in result.rounds if done.check.faults),
            **{name: best.metrics[name] for name in best.metrics},
            "reference_ms": result.reference.measured_latency_ms,
            f"reference_{result.objective}": result.reference.metrics.get(result.objective),
            "parameters": best.parameters,
            "evaluations": result.evaluations,
            "scoring_s": round(math.fsum(c.seconds for c in self.candidates), 1),
            "hypervolume": self.hypervolumes[-1] if self.hypervolumes else None,
        }


def read_runs(folders: Sequence[Path]) -> list[Compared]:
    """Reads finished runs.

    Raises:
        UserError: one is no finished run, is named twice, or minimises another metric.
        CorruptFileError: one of their files is damaged.
    """
    resolved = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, resolved, strict=True):
        if resolved.count(place) > 1:
            raise UserError(f"'{folder}' is named twice; name each run once")
    found = [(load_result(folder), read_candidates(folder / JOURNAL)) for folder in folders]
    for folder, (result, _) in zip(folders, found, strict=True):
        if result.objective != found[0][0].objective:
            raise UserError(
                f"'{folder}' minimises {result.objective} and '{folders[0]}' "
                f"{found[0][0].objective}; compare runs that minimise the same"
            )
    worst = _worst(found)
    return [
        Compared(name, _strategy(folder), result, candidates, _best(result, candidates),
                 _hypervolumes(result, candidates, worst[result.target]))
        for folder, name, (result, candidates) in zip(folders, _names(resolved), found, strict=True)
    ]


def _names(paths: Sequence[Path]) -> list[str]:
    for length in range(1, max(len(path.parts) for path in paths)):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def _strategy(folder: Path) -> str:
    replaced = read_settings(folder).strategy
    if replaced is not None:
        return replaced
    path = folder / RECIPE
    if not path.is_file():
        raise UserError(f"no file {path}")
    section = parse_recipe(path.read_text(encoding="utf-8"), str(path)).get("strategy") or {}
    return str(section.get("name", "joint"))


def _points(result: Result, candidates: Sequence[Candidate]) -> list[tuple[float, float] | None]:
    """Predicted latency and metric of each; None for what was not scored on all pairs."""
    values = [candidate.metrics.get(result.objective) for candidate in candidates]
    return [None if value is None else (candidate.latency_ms, value)
            for candidate, value in zip(candidates, values, strict=True)]


def _worst(
    found: Sequence[tuple[Result, tuple[Candidate, ...]]]
) -> dict[str, tuple[float, float]]:
    """Per target, the largest latency and metric of all that was scored."""
    worst: dict[str, tuple[float, float]] = {}
    for result, candidates in found:
        points = [point for point in _points(result, candidates) if point is not None]
        corners = [*points, worst.get(result.target, (0.0, 0.0))]
        worst[result.target] = (max(p[0] for p in corners), max(p[1] for p in corners))
    return worst


def _best(result: Result, candidates: Sequence[Candidate]) -> tuple[float | None, ...]:
    budget = result.constraint.latency_ms
    within = [
        point[1] if point is not None and c.upper_ms * result.scale <= budget else math.inf
        for c, point in zip(candidates, _points(result, candidates), strict=True)
    ]
    return tuple(value if math.isfinite(value) else None for value in accumulate(within, min))


def _hypervolumes(
    result: Result, candidates: Sequence[Candidate], worst: tuple[float, float]
) -> tuple[float, ...]:
    front, found = GrowingFront(worst), []
    for point in _points(result, candidates):
        found.append(front.share if point is None else front.add(point))
    return tuple(found)
