"""Networks of a table as a training set, once the table is fit to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luts.commands import build_command
from luts.errors import UserError
from luts.fingerprint import space_hash
from luts.space import OperatorSpace, Vectors
from luts.table import FEWEST_NETWORKS, LatencyTable
from predictor.extremes import Floats
from predictor.metrics import share_within
from predictor.record import Quality

# Percentile of the slowness that counts as the machine's slowest speed.
_SLOWEST = 95


@dataclass(frozen=True)
class TrainingSet:
    """Distinct measured networks.

    Attributes:
        vectors: index vectors, shape ``(networks, decisions)``.
        latency_ms: median over the sessions of each network, shape ``(networks,)``.
        session_ms: one session as the clock showed it, without correction and without
            averaging, for that is what a later measurement is; shape ``(networks,)``.
        slowness: factor between that session and the corrected latency, shape ``(networks,)``.
        alone_ms: one session at the machine's usual pace, neither averaged nor corrected by the
            canary; shape ``(networks,)``.
        uniform: which networks are plain random draws, shape ``(networks,)``.
    """

    vectors: Vectors
    latency_ms: Floats
    session_ms: Floats
    slowness: Floats
    alone_ms: Floats
    uniform: npt.NDArray[np.bool_]


def check_table(space: OperatorSpace, table: LatencyTable, *, accept_drift: bool = False) -> None:
    """Refuses tables that a predictor must not learn from.

    Raises:
        UserError: partial, of an unsteady machine, or of another space.
    """
    info = table.info
    build = build_command(info.target, info.recipe, info.threads)
    if info.recipe != space.name or info.space_hash != space_hash(space):
        raise UserError(
            f"the table is of another space ('{info.recipe}' {info.space_hash[:12]}, wanted "
            f"'{space.name}' {space_hash(space)[:12]}); measure again with: {build} --force"
        )
    if not info.complete:
        raise UserError(
            f"the table of '{info.recipe}' on '{info.target}' is partial "
            f"({len(table.networks)} networks); finish it with: {build} --resume"
        )
    if not info.drift.usable and not accept_drift:
        raise UserError(
            f"{info.drift.problem} while the table of '{info.recipe}' on '{info.target}' was "
            f"measured; measure again with: {build} --force, or take it as it is with "
            "--accept-drift"
        )


def training_set(space: OperatorSpace, table: LatencyTable) -> TrainingSet:
    """Distinct networks of a table, in order of their first measurement; no reference network.

    Raises:
        UserError: fewer than ``FEWEST_NETWORKS``.
    """
    sessions: dict[tuple[int, ...], list[tuple[float, float, bool]]] = {}
    alone: dict[tuple[int, ...], float] = {}
    for sample in sorted(table.networks, key=lambda s: s.order):
        if sample.vector is not None:
            item = (sample.latency_ms, sample.slowness, sample.drawn == "uniform")
            sessions.setdefault(sample.vector, []).append(item)
            ms = sample.latency_ms if sample.session_ms is None else sample.session_ms
            alone.setdefault(sample.vector, ms)
    if len(sessions) < FEWEST_NETWORKS:
        info = table.info
        raise UserError(
            f"the table holds {len(sessions)} networks, a predictor needs {FEWEST_NETWORKS}; "
            f"measure more with: {build_command(info.target, info.recipe, info.threads)} --force"
        )
    return TrainingSet(
        np.array(list(sessions), dtype=np.int64).reshape(len(sessions), len(space.decisions)),
        np.array([np.median([ms for ms, _, _ in items]) for items in sessions.values()]),
        np.array([items[0][0] * items[0][1] for items in sessions.values()]),
        np.array([items[0][1] for items in sessions.values()]),
        np.array([alone[vector] for vector in sessions]),
        np.array([any(drawn for _, _, drawn in items) for items in sessions.values()]),
    )


def speed_margin(data: TrainingSet) -> float:
    """Logarithm of how much slower than the table's level the machine was at its slowest.

    A later measurement meets one state of the machine, not the campaign's mixture of them: where
    it switches between two speeds, half of the later sessions lie wholly in the slower one. So the
    bound holds there (docs/decisions/upper-bound.md).
    """
    return max(0.0, float(np.log(np.percentile(data.slowness, _SLOWEST))))


def reference_ms(table: LatencyTable) -> float | None:
    """Latency of the reference network, or None if it was not measured.

    It is the campaign's canary, too: where that was timed more often than the reference was as one
    network among others, its median tells more.
    """
    latencies = [sample.latency_ms for sample in table.networks if sample.vector is None]
    drift = table.info.drift
    if drift.level_ms > 0 and drift.canaries > len(latencies):
        return drift.level_ms
    return float(np.median(latencies)) if latencies else None


def quality_of(
    data: TrainingSet, sum_ms: Floats, unseen_ms: Floats, errors: dict[str, float]
) -> Quality:
    """Errors of out-of-fold predictions of the uniformly drawn networks.

    Args:
        data: measured networks.
        sum_ms: their table sums, shape ``(networks,)``.
        unseen_ms: their out-of-fold predictions, shape ``(networks,)``.
        errors: errors of the methods that were tried, kept as they are.
    """
    drawn = data.uniform
    measured = data.session_ms[drawn]
    relative = np.abs(unseen_ms[drawn] - measured) / measured
    return Quality(
        networks=int(drawn.sum()),
        mape=float(relative.mean()),
        within_5=share_within(relative, 0.05),
        within_10=share_within(relative, 0.10),
        sum_mape=float((np.abs(sum_ms[drawn] - measured) / measured).mean()),
        method_errors=errors,
    )
