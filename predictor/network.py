"""Table sum, learned correction and conformal bound: the predictor of whole networks."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from luts.errors import CorruptFileError, UserError
from luts.files import atomic_path, sha256, writable_folder
from luts.space import OperatorSpace, Vectors
from luts.table import LatencyTable
from predictor._training import check_table, quality_of, reference_ms, speed_margin, training_set
from predictor.base import LatencyPredictor, Prediction, checked
from predictor.calibration import choose, out_of_fold
from predictor.conformal import fewest_scores
from predictor.corrector import Corrector, Method
from predictor.costs import FactorCosts
from predictor.ensemble import TreeEnsemble
from predictor.extremes import Floats
from predictor.features import Features
from predictor.record import SIDECAR, TREES_FILE, PredictorRecord, read_record, refit_command
from predictor.spread import Spread


class NetworkPredictor(LatencyPredictor):
    """Predicts ``sum * exp(correction)``, and a bound above it.

    The sum is gathered from the table, the correction is learned from the table's end-to-end
    samples, and the bound is the conformal quantile of its errors on networks that it had not
    seen, at each latency, times the slowest speed of the machine (see
    `predictor.calibration.out_of_fold` for what is guaranteed).

    Args:
        record: where it comes from, and its numbers.
        costs: costs of the space's factors, from the same table.
        corrector: the learned correction.
    """

    def __init__(self, record: PredictorRecord, costs: FactorCosts, corrector: Corrector) -> None:
        self.record = record
        self.space = costs.space
        self.level = record.level
        self.table_identity = record.table_identity
        self.speed_margin = record.speed_margin
        self._spread = Spread(record.margin - record.speed_margin, record.margin_slope,
                              record.middle_ms)
        self._costs = costs
        self._features = Features(costs)
        self._corrector = corrector

    @classmethod
    def fit(
        cls,
        space: OperatorSpace,
        table: LatencyTable,
        *,
        level: float = 0.95,
        seed: int = 0,
        accept_drift: bool = False,
    ) -> Self:
        """Learns from the end-to-end samples of a table.

        Args:
            space: the space that the table was measured for.
            table: a complete table.
            level: share of fresh measurements that the bound must cover.
            seed: seed of all draws; equal seeds give equal predictors.
            accept_drift: whether to take a table of a device that drifted.

        Raises:
            UserError: a partial or drifting table, one of another space, too few networks, or a
                level that is not between 0 and 1.
            MissingOperatorError: the table lacks an operator of the space.
        """
        fewest_scores(level)
        check_table(space, table, accept_drift=accept_drift)
        data = training_set(space, table)
        costs = FactorCosts.build(space, table)
        features = Features(costs)
        sum_ms, values = features(data.vectors)
        targets = np.log(data.latency_ms / sum_ms)
        unseen_ms = sum_ms * np.exp(out_of_fold(values, targets, seed))
        # Of single sessions, for such is a later measurement.
        spread = Spread.fit(unseen_ms[data.uniform], data.alone_ms[data.uniform], level)
        spread = spread.with_level(table.info.drift.spread, level)
        slowest = speed_margin(data)
        method, errors = choose(values, targets, seed)
        corrector = Corrector.fit(method, values, targets, seed)
        record = PredictorRecord(
            target=table.info.target,
            recipe=table.info.recipe,
            table_identity=table.identity,
            level=level,
            seed=seed,
            margin=spread.width + slowest,
            margin_slope=spread.slope,
            middle_ms=spread.middle_ms,
            speed_margin=slowest,
            networks=len(data.vectors),
            method=method.name,
            features=features.names,
            mean=tuple(corrector.mean.tolist()),
            weights=tuple(corrector.weights.tolist()),
            intercept=corrector.intercept,
            reference_ms=reference_ms(table),
            quality=quality_of(data, sum_ms, unseen_ms, errors),
        )
        return cls(record, costs, corrector)

    def predict(self, vectors: Vectors) -> Prediction:
        """Predicts a whole population by gathers; nothing runs per architecture.

        Args:
            vectors: int64 index vectors, shape ``(count, decisions)``; ``count`` may be 0.

        Raises:
            UserError: another shape or type, or an index outside its decision.
        """
        sum_ms, values = self._features(checked(vectors, self.space))
        latency_ms = sum_ms * np.exp(self._corrector(values))
        return Prediction(latency_ms, self._upper(latency_ms))

    def predict_reference(self) -> tuple[float, float]:
        """Latency and upper bound of the reference network, in ms.

        It has no vector, so nothing is learned for it: the latency is the median of its own
        sessions in the table or, where there are none, its table sum times the median ratio.
        """
        latency_ms = self.record.reference_ms
        if latency_ms is None:
            latency_ms = self._costs.reference_ms * float(np.exp(self._corrector.intercept))
        return latency_ms, float(self._upper(np.array([latency_ms]))[0])

    def _upper(self, latency_ms: Floats) -> Floats:
        return np.asarray(latency_ms * np.exp(self._spread(latency_ms) + self.speed_margin))

    def factor_costs(self) -> list[Floats]:
        """Per factor, the table latency of each of its rows in ms, each of shape ``(rows,)``."""
        return self._costs.latency_ms()

    def idle_ms(self, vectors: Vectors) -> dict[int, Floats]:
        """See `LatencyPredictor.idle_ms`."""
        return {place: costs[0] for place, costs in self._costs.idle.by_factor(vectors).items()}

    def save(self, folder: Path) -> None:
        """Writes the trees, then the sidecar that vouches for them.

        Raises:
            UserError: the folder cannot be written.
        """
        writable_folder(folder)
        digest = None
        if self._corrector.trees is not None:
            with atomic_path(folder / TREES_FILE) as temporary:
                temporary.write_bytes(self._corrector.trees.source)
            digest = sha256(folder / TREES_FILE)
        record = self.record.model_copy(update={"trees_sha256": digest})
        self.record = record.write(folder / SIDECAR)

    @classmethod
    def load(cls, folder: Path, table: LatencyTable, space: OperatorSpace) -> Self:
        """Reads a predictor back.

        Args:
            folder: where `save` wrote it.
            table: the table that it was fitted to.
            space: the space of that table.

        Raises:
            UserError: there is none, or it was fitted to another table or space.
            CorruptFileError: a file is truncated or edited.
        """
        record = read_record(folder)
        info = table.info
        again = f"fit it again with: {refit_command(info.target, info.recipe, info.threads)}"
        if record.table_identity != table.identity:
            raise UserError(
                f"{folder} was fitted to table {record.table_identity[:12]}, not to "
                f"{table.identity[:12]}; {again}"
            )
        check_table(space, table, accept_drift=True)
        costs = FactorCosts.build(space, table)
        if record.features != Features(costs).names:
            raise UserError(f"{folder} was fitted with other features; {again}")
        if not len(record.mean) == len(record.weights) == len(record.features):
            raise CorruptFileError(f"{folder} holds a baseline of the wrong length; {again}")
        corrector = Corrector(
            Method(), np.array(record.mean), np.array(record.weights), record.intercept
        )
        if record.trees_sha256 is not None:
            source = (folder / TREES_FILE).read_bytes()
            corrector.trees = TreeEnsemble.parse(source, len(record.features))
        return cls(record, costs, corrector)


def load_network_predictor(
    folder: Path, table: LatencyTable, space: OperatorSpace
) -> NetworkPredictor:
    """Loader for the registry; see `NetworkPredictor.load`."""
    return NetworkPredictor.load(folder, table, space)
