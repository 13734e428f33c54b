"""A table of one condition, adapted to another by a few whole networks measured there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luts.operator import Operator, PlacedOperator
from luts.records import LatencyRow
from luts.space import OperatorSpace, Vectors
from luts.table import LatencyTable
from predictor.extremes import Floats

Grouping = Callable[[Operator, float], str]
OVERHEAD = "overhead"
# Shrinkage of each group's factor toward the common one, in networks that consist of the group
# alone; the largest leaves the common factor as it is.
PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1e9)
_EDGES_MS = (0.03, 0.15, 0.6)


def by_kind(operator: Operator, latency_ms: float) -> str:
    """Groups of operators that one kernel serves; convolutions by how they reuse what they read."""
    if operator.kind != "conv":
        return operator.kind
    groups, kernel = operator.get("groups", 1), operator.get("kernel")
    if isinstance(groups, int) and groups > 1:
        return "conv, depthwise"
    return "conv, pointwise" if kernel == (1, 1) else "conv, dense"


def by_kind_and_size(operator: Operator, latency_ms: float) -> str:
    """The same, apart by how long one execution takes: short ones do not gain from threads."""
    return f"{by_kind(operator, latency_ms)}, size {np.searchsorted(_EDGES_MS, latency_ms)}"


GROUPINGS: dict[str, Grouping] = {"kind": by_kind, "kind and size": by_kind_and_size}


@dataclass(frozen=True)
class Adaptation:
    """Factors on the rows of a table.

    Attributes:
        grouping: name of the grouping that was chosen.
        penalty: shrinkage that was chosen.
        factors: group to factor, the overhead's among them.
        unseen_ms: each measured network predicted from all others, shape ``(networks,)``; choice
            of grouping and shrinkage included.
        common_ms: the same with one factor for everything.
    """

    grouping: str
    penalty: float
    factors: dict[str, float]
    unseen_ms: Floats
    common_ms: Floats

    def row(self, operator: Operator, base_ms: float, row: LatencyRow) -> LatencyRow:
        """A row under the new condition.

        Args:
            operator: the operator there.
            base_ms: its latency before.
            row: the row that this comes from.
        """
        scale = self.factors[GROUPINGS[self.grouping](operator, base_ms)] * base_ms / row.latency_ms
        return LatencyRow(operator, row.latency_ms * scale, row.p10_ms * scale, row.p90_ms * scale,
                          row.contexts, row.samples)


def base_latencies(
    old: OperatorSpace, new: OperatorSpace, table: LatencyTable
) -> dict[Operator, tuple[float, LatencyRow]]:
    """What each operator of a space takes by the table of the same space at another batch.

    Operators stand at the same places in both; latencies go with the work.

    Args:
        old: the space that was measured.
        new: the same space, perhaps at another batch.
        table: the table of the old one.

    Returns:
        Operator of the new space to its latency in ms and to the row that it comes from.
    """
    pairs: list[tuple[PlacedOperator, PlacedOperator]] = []
    for before, after in zip(old.factors, new.factors, strict=True):
        for choices in old.factor_choices(before):
            pairs += zip(old.lower_factor(before, choices), new.lower_factor(after, choices),
                         strict=True)
    pairs += zip(old.lower_reference(), new.lower_reference(), strict=True)
    found = {}
    for was, now in pairs:
        row = table[was.operator]
        found[now.operator] = (row.latency_ms * _more_work(was.operator, now.operator), row)
    return found


def _more_work(was: Operator, now: Operator) -> float:
    if was == now:
        return 1.0
    return now.flops / was.flops if was.flops else now.bytes_moved / was.bytes_moved


def shares(
    space: OperatorSpace, base_ms: Mapping[Operator, float], overhead_ms: float,
    vectors: Vectors, grouping: Grouping,
) -> tuple[list[str], Floats]:
    """Time of each network by group.

    Args:
        space: the space of the networks.
        base_ms: operator to latency.
        overhead_ms: time of every inference that belongs to no operator.
        vectors: index vectors, shape ``(networks, decisions)``.
        grouping: operator and latency to group.

    Returns:
        Groups, and times in ms, shape ``(networks, groups)``.
    """
    names = {grouping(operator, ms): 0 for operator, ms in base_ms.items()} | {OVERHEAD: 0}
    index = {name: place for place, name in enumerate(names)}
    times = np.zeros((len(vectors), len(index)))
    times[:, index[OVERHEAD]] = overhead_ms
    for number, vector in enumerate(vectors):
        for placed in space.lower(space.decode(vector)):
            ms = base_ms[placed.operator]
            times[number, index[grouping(placed.operator, ms)]] += ms * placed.repeats
    return list(index), times


def adapt(
    times: Mapping[str, tuple[Sequence[str], Floats]], measured_ms: Floats
) -> Adaptation:
    """Learns factors from whole networks.

    Relative errors are least squares with a ridge toward a common factor. Grouping and shrinkage
    are those with the least leave-one-out error; the errors reported repeat that choice without
    the network in question.

    Args:
        times: grouping to its groups and the times of the networks by group (see `shares`).
        measured_ms: latency of each network under the new condition, shape ``(networks,)``.
    """
    everything = np.arange(len(measured_ms))
    candidates = [(name, penalty) for name in times for penalty in PENALTIES]

    def unseen(rows: np.ndarray[tuple[int], np.dtype[np.int64]], name: str, penalty: float
               ) -> Floats:
        found = np.empty(len(rows))
        for place, row in enumerate(rows):
            rest = np.delete(rows, place)
            factors = _factors(times[name][1][rest], measured_ms[rest], penalty)
            found[place] = times[name][1][row] @ factors
        return found

    def best(rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[str, float]:
        errors = [np.abs(unseen(rows, *candidate) / measured_ms[rows] - 1).mean()
                  for candidate in candidates]
        return candidates[int(np.argmin(errors))]

    nested = np.empty(len(measured_ms))
    for row in everything:
        rest = np.delete(everything, row)
        name, penalty = best(rest)
        nested[row] = times[name][1][row] @ _factors(times[name][1][rest], measured_ms[rest],
                                                     penalty)
    name, penalty = best(everything)
    groups, by_group = times[name]
    factors = _factors(by_group, measured_ms, penalty)
    return Adaptation(
        name, penalty, dict(zip(groups, factors.tolist(), strict=True)), nested,
        unseen(everything, name, PENALTIES[-1]),
    )


def _factors(times: Floats, measured_ms: Floats, penalty: float) -> Floats:
    """One factor a group, shape ``(groups,)``; never below a tenth of the common one."""
    common = float(np.median(measured_ms / times.sum(axis=1)))
    share = common * times / measured_ms[:, None]
    left = 1 - share.sum(axis=1)
    gram = share.T @ share + penalty * len(share) * np.eye(share.shape[1])
    change = np.linalg.solve(gram, share.T @ left)
    factors: Floats = common * np.maximum(1 + change, 0.1)
    return factors
