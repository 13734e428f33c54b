"""Tables and predictors of targets on which nothing was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from luts.errors import UserError
from luts.estimated import SIDECAR, EstimatedRow, EstimatedTable, EstimateInfo
from luts.fingerprint import space_hash
from luts.idle import IdleCosts
from luts.lowered import lowered
from luts.operator import Operator, PlacedOperator
from luts.sealed import Sealed, read_sealed
from luts.space import OperatorSpace, Vectors
from luts.spaces import load_space
from luts.target import load_target
from predictor.base import LatencyPredictor, Prediction, checked
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.unmeasured.record import NO_EVIDENCE, LawBook, load_laws
from predictor.unmeasured.steps import Steps

RUNTIME = "torch"
RUNTIME_VERSION = "replayed CUDA graph; law fitted to published latencies of eager PyTorch"
LEVEL = 0.95
_PREDICTOR, _FORMAT = "estimated-predictor.json", 1


class _Bound(Sealed):
    format: int = _FORMAT
    table_identity: str
    level: float
    margin: float


def refuse_without_evidence(target: str, precision: str, *, accept: bool) -> None:
    """Refuses a target on which nothing was ever measured, unless that was accepted.

    Raises:
        UserError: no estimate of the target, or one without evidence that was not accepted.
    """
    known = load_laws().level(target, precision)
    if not known.evidenced and not accept:
        raise UserError(
            f"the estimate of '{target}' in {precision} has {NO_EVIDENCE}: nothing was ever "
            "measured on that device, only its data sheet is known; accept that with "
            "--accept-estimate"
        )


def estimate_table(
    space: OperatorSpace, target: str, precision: str = "fp32", book: LawBook | None = None
) -> EstimatedTable:
    """Estimates every operator that a space can lead to.

    Args:
        space: at the batch that is wanted.
        target: a GPU with a level in the book.
        precision: arithmetic precision.
        book: laws; None takes the shipped ones.

    Raises:
        UnknownNameError: no such target.
        UserError: no level of the target or precision, or a kind of operator without a rule.
    """
    book = book or load_laws()
    sheet, known = load_target(target), book.level(target, precision, space.batch)
    facts, law = DeviceFacts.of_target(sheet), book.law
    operators = _operators(space)
    apart = [Steps.of([(operator, 1)]) for operator in operators]
    # One call for all kernels: each costs as much for one as for a thousand.
    each_ms = law.kernels_ms(Steps.joined(apart), facts, precision, known.level)
    stops = np.cumsum([len(steps.values) for steps in apart])
    rows = [EstimatedRow(operator, float(ms @ steps["count"]), int(steps["count"].sum()))
            for operator, steps, ms in zip(operators, apart, np.split(each_ms, stops[:-1]),
                                           strict=True)]
    info = EstimateInfo(
        target=target, recipe=space.name, space_hash=space_hash(space),
        device={"name": sheet.title, "known": "data sheet", "gpu": list(sheet.device_names),
                "multiprocessors": facts.multiprocessors, "clock_mhz": facts.clock_mhz,
                "bandwidth_gb_s": facts.bandwidth_gb_s, "peak_gflops": facts.peak(precision)},
        runtime=RUNTIME, runtime_version=RUNTIME_VERSION, precision=precision, batch=space.batch,
        threads=1, law=book.sealed_sha256, evidence=known.evidence, evidenced=known.evidenced,
        host_ms=known.host_ms,
    )  # fmt: skip
    return EstimatedTable(info, rows)


def load_estimated(
    target: str, recipe: str, *, precision: str = "fp32", batch: int = 1, level: float = LEVEL
) -> tuple[OperatorSpace, EstimatedTable, EstimatedPredictor]:
    """Space, estimated table and its predictor, from the shipped laws.

    Raises:
        UnknownNameError: no such target or recipe.
        UserError: there is no estimate of the target in that precision.
    """
    space = load_space(recipe, batch)
    table = estimate_table(space, target, precision)
    book = load_laws()
    margin = book.margins(target, precision, level, batch)[1]
    predictor = EstimatedPredictor(space, table, level, margin)
    predictor.relative_margin = book.relative_margin(target, precision, level, batch)
    return space, table, predictor


class EstimatedPredictor(LatencyPredictor):
    """Sums of an estimated table, and a bound as wide as errors on networks that were left out.

    Args:
        space: what is predicted.
        table: an estimated table of all its operators.
        level: share of networks that the upper bound must hold.
        margin: logarithm of upper bound over prediction.

    Raises:
        MissingOperatorError: the table lacks an operator.
        UserError: it is of another space.
    """

    def __init__(
        self, space: OperatorSpace, table: EstimatedTable, level: float, margin: float
    ) -> None:
        if table.info.space_hash != space_hash(space):
            raise UserError(f"the estimated table is not of the space '{space.name}' as it is now")
        self.space, self.table, self.level, self.margin = space, table, level, margin
        self.table_identity = table.identity
        self._costs = [
            np.array([self._sum(placed) for placed in rows]) for rows in lowered(space)
        ]
        self._idle = IdleCosts(space, lambda placed: [self._sum(placed)])

    def _sum(self, placed: Sequence[PlacedOperator]) -> float:
        return math.fsum(self.table[p.operator].device_ms * p.repeats for p in placed)

    def predict(self, vectors: Vectors) -> Prediction:
        """Predicts a whole population by gathers; see `LatencyPredictor.predict`."""
        wanted = checked(vectors, self.space)
        latency_ms = self.parts_ms(wanted).sum(axis=1)
        return Prediction(latency_ms, latency_ms * np.exp(self.margin))

    def predict_reference(self) -> tuple[float, float]:
        """See `LatencyPredictor.predict_reference`."""
        latency_ms = self._sum(self.space.lower_reference())
        return latency_ms, latency_ms * float(np.exp(self.margin))

    def factor_costs(self) -> list[Floats]:
        """See `LatencyPredictor.factor_costs`; the prediction is their sum, less what is idle."""
        return self._costs

    def idle_ms(self, vectors: Vectors) -> dict[int, Floats]:
        """See `LatencyPredictor.idle_ms`."""
        return {place: costs[0] for place, costs in self._idle.by_factor(vectors).items()}

    def save(self, folder: Path) -> None:
        """Writes the table and the bound; `read` reads them back."""
        self.table.save(folder)
        _Bound(table_identity=self.table_identity, level=self.level, margin=self.margin).write(
            folder / _PREDICTOR)

    @classmethod
    def read(cls, folder: Path, space: OperatorSpace) -> Self:
        """Reads table and bound back.

        Raises:
            UserError: there are none, or of another space.
            CorruptFileError: a file is truncated, edited, or of another table.
        """
        table = EstimatedTable.load(folder)
        bound = read_sealed(folder / _PREDICTOR, _Bound, format=_FORMAT,
                            what="an estimated predictor", again="estimate again")
        if bound.table_identity != table.identity:
            raise UserError(f"{folder / _PREDICTOR} belongs to another table than "
                            f"{folder / SIDECAR}; estimate again")
        return cls(space, table, bound.level, bound.margin)


def _operators(space: OperatorSpace) -> list[Operator]:
    parts = [*(row for rows in lowered(space) for row in rows), space.lower_reference()]
    return sorted({placed.operator for part in parts for placed in part})
