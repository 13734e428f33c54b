"""Whether constraints can be kept at all, answered before anything slow is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from evolution.asked import Asked
from evolution.optimum import Optimiser
from evolution.region import Region
from evolution.requirements import LatencyRequirement, Reach, Requirement, limits_of
from evolution.strategies.base import Vector
from luts.errors import InfeasibleError
from luts.space import OperatorSpace, Vectors

# Bounds are not quite additive; nearer than this to the limits the draw has the last word.
_DOUBT = 1.02


def feasible_region(space: OperatorSpace, requirements: Sequence[Requirement]) -> Region:
    """The region that keeps every constraint, known to hold at least one architecture.

    Args:
        space: the space.
        requirements: what must be kept, the latency on the searched target first.

    Raises:
        InfeasibleError: nothing keeps them; the message gives what can be reached of each, and,
            where each could be kept alone, how far each must yield while the others are kept.
    """
    reaches = [requirement.reach() for requirement in requirements]
    for requirement, reach in zip(requirements, reaches, strict=True):
        if not reach.low <= requirement.top:
            raise InfeasibleError(
                requirement.refusal(reach, space.name) + _others(requirements, requirement, reaches)
            )
    starts = [tuple(r.constraint.predictor.fastest().tolist()) for r in requirements
              if isinstance(r, LatencyRequirement)]
    anchors = dict.fromkeys([*starts, *(reach.least for reach in reaches)])
    region = Region(space, limits_of(requirements), _rows(anchors))
    if len(requirements) == 1:
        return region
    yields = _yields(region, requirements)
    if all(vector is None or _excess(requirements, vector) > _DOUBT for vector in yields):
        raise InfeasibleError(_together(space, requirements, reaches, yields))
    region.anchors = _rows([*anchors, *(v for v in yields if v is not None and v not in anchors)])
    try:
        region.know(region.draw(np.random.default_rng(0), 1, set()))
    except InfeasibleError:
        raise InfeasibleError(_together(space, requirements, reaches, yields)) from None
    return region


def check_tighter(
    space: OperatorSpace, requirements: Sequence[Requirement], latency: LatencyRequirement,
    budget_ms: float, asked: Asked,
) -> None:
    """Makes sure that a tighter latency budget can be kept as well.

    Args:
        space: the space.
        requirements: what must be kept, the latency among them.
        latency: one of them; its budget is the same afterwards.
        budget_ms: the tighter budget.
        asked: how that was given.

    Raises:
        InfeasibleError: it cannot; see `feasible_region`.
    """
    usual_ms, usual = latency.constraint.budget_ms, latency.asked
    latency.constraint.budget_ms, latency.asked = budget_ms, asked
    try:
        feasible_region(space, requirements)
    finally:
        latency.constraint.budget_ms, latency.asked = usual_ms, usual


def _yields(region: Region, requirements: Sequence[Requirement]) -> list[Vector | None]:
    """Per requirement, the architecture that uses least of it while the others are kept.

    None where the table proves that the others cannot be kept together.
    """
    optimiser = Optimiser(region)
    found, start = list[Vector | None](), 0
    for requirement in requirements:
        own = range(start, start + len(requirement.limits))
        start = own.stop
        found.append(optimiser.least(own))
    return found


def _excess(requirements: Sequence[Requirement], vector: Vector) -> float:
    """Largest share of a limit that an architecture uses."""
    row = np.array([vector], dtype=np.int64)
    return max(float(limit.use(row)[0]) for limit in limits_of(requirements))


def _together(
    space: OperatorSpace, requirements: Sequence[Requirement], reaches: Sequence[Reach],
    yields: Sequence[Vector | None],
) -> str:
    asked = " and ".join(r.say(r.top) for r in requirements)
    ways = []
    for requirement, vector in zip(requirements, yields, strict=True):
        if vector is None:
            continue
        least = float(requirement.values(np.array([vector], dtype=np.int64))[0])
        ways.append(f"at least {requirement.say(least)} with the other{_s(len(requirements) - 1)}")
    way = f"the nearest that can be kept: {', or '.join(ways)}" if ways else (
        "no two of the others can be kept either")
    return (f"infeasible: no architecture of {space.name} keeps {asked} together; {way}; alone "
            f"they reach {_intervals(requirements, reaches)}")


def _others(
    requirements: Sequence[Requirement], refused: Requirement, reaches: Sequence[Reach]
) -> str:
    rest = [(r, reach) for r, reach in zip(requirements, reaches, strict=True) if r is not refused]
    if not rest:
        return ""
    return f"; of the others {_intervals([r for r, _ in rest], [reach for _, reach in rest])}"


def _intervals(requirements: Sequence[Requirement], reaches: Sequence[Reach]) -> str:
    return ", ".join(f"from {r.say(reach.low)} to {r.say(reach.high)}"
                     for r, reach in zip(requirements, reaches, strict=True))


def _rows(vectors: Iterable[Vector]) -> Vectors:
    return np.array(list(vectors), dtype=np.int64)


def _s(count: int) -> str:
    return "" if count == 1 else "s"
