"""Estimates the latency of any list of executed operators, from a library of its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from luts.errors import UserError
from luts.files import sha256, writable_folder
from luts.library import OperatorLibrary, library_command
from luts.operator import Operator
from luts.table import FEWEST_NETWORKS
from predictor.corrector import Corrector, Method
from predictor.estimation.judging import coverage, out_of_fold, quality, unseen
from predictor.estimation.prices import Priced, Prices
from predictor.estimation.record import (
    OPERATORS,
    SIDECAR,
    EstimatorRecord,
    UnknownRecord,
    read_record,
)
from predictor.estimation.rows import LibraryRows
from predictor.estimation.unknown import UnknownKinds
from predictor.estimation.whole import (
    FEATURES,
    correction,
    difficulty,
    features,
    fit_interval,
)
from predictor.operator_model import OperatorModel


@dataclass(frozen=True, slots=True)
class Whole:
    """Estimate of one network.

    Attributes:
        priced: its operators; their times do not add up to the whole, which has a correction.
        latency_ms: expected latency.
        lower_ms: lower end of the interval.
        upper_ms: upper end.
    """

    priced: Priced
    latency_ms: float
    lower_ms: float
    upper_ms: float


class Estimator:
    """Prices of operators, a correction of their sum, and an interval about it.

    Args:
        record: numbers of the correction and of the interval.
        prices: what operators cost.
    """

    def __init__(self, record: EstimatorRecord, prices: Prices) -> None:
        self.record = record
        self.prices = prices
        self._corrector = Corrector(Method(), np.array(record.mean), np.array(record.weights),
                                    record.intercept)

    @classmethod
    def fit(cls, library: OperatorLibrary, *, level: float = 0.95, seed: int = 0,
            say: Callable[[str], None] = lambda text: None) -> Self:
        """Learns from a library.

        Each network is judged by prices that never saw it (five folds over networks), just as a
        model from outside will be: operators that other networks share count as measured, the
        rest is estimated.

        Args:
            library: measured on one target.
            level: share of networks that the interval must hold.
            seed: seed of all draws.
            say: told what is being done.

        Raises:
            UserError: too few networks.
        """
        if len(library.networks) < FEWEST_NETWORKS:
            raise UserError(
                f"the library holds {len(library.networks)} networks, an estimate needs "
                f"{FEWEST_NETWORKS}; build it again, for longer, with: "
                f"{library_command(library.info.target, library.info.threads)} --force")
        rows = LibraryRows.of(library)
        device = rows.device(library.info.target, library.info.threads)
        say("choosing a model for each kind of operator")
        operators, latency_ms, networks = rows.to_learn()
        model = OperatorModel.fit(operators, latency_ms, device, level=level, seed=seed,
                                  groups=networks.tolist())
        unknown = UnknownKinds.fit(operators, latency_ms)
        priced = unseen(library, rows, model, device, unknown, seed, say)
        whole_ms = np.array([network.latency_ms for network in library.networks])
        values = np.array([features(item) for item in priced])
        targets = np.log(whole_ms / np.exp(values[:, 0]))
        corrector, errors = correction(values, targets, seed)
        residuals = targets - out_of_fold(values, targets, seed)
        doubt = np.array([item.doubt for item in priced])
        margin, floor = fit_interval(residuals, doubt, level)
        slowness = np.log([network.canary_factor for network in library.networks])
        low, high = np.percentile(slowness, [2.5, 97.5]) if len(slowness) else (0.0, 0.0)
        record = EstimatorRecord(
            target=library.info.target, library=library.identity, level=level, seed=seed,
            features=FEATURES, method=corrector.method.name,
            mean=tuple(corrector.mean.tolist()), weights=tuple(corrector.weights.tolist()),
            intercept=corrector.intercept, margin=margin, floor=floor,
            fastest=min(0.0, float(low)), slowest=max(0.0, float(high)),
            unknown=UnknownRecord(**asdict(unknown)),
            quality=quality(residuals, targets) | {
                **coverage(residuals, doubt, level),
                "estimated_share": float(np.mean([item.share("estimated") for item in priced])),
                "correction_error": min(errors.values()),
            },
        )
        return cls(record, Prices(rows.measured(), model, device, unknown))

    def __call__(self, operators: Sequence[Operator]) -> Whole:
        """Estimates a network.

        Args:
            operators: as executed, at least one.

        Raises:
            UserError: there is no operator.
        """
        if not operators:
            raise UserError("the model executes nothing: there is no operator to estimate")
        priced = self.prices(operators)
        record = self.record
        total_ms = float(priced.latency_ms.sum())
        ratio = float(np.exp(self._corrector(features(priced)[None])[0]))
        known = 1 - priced.share("unknown")
        # What is unknown has a bound of its own; the rest is as sure as the whole would be.
        width = record.margin * float(difficulty(np.array([priced.doubt]), record.floor)[0])
        known_ms = total_ms * known * ratio
        excess_ms = sum(self.prices.unknown.upper_ms(operator) for operator, source in
                        zip(priced.operators, priced.sources, strict=True) if source == "unknown")
        return Whole(
            priced, total_ms * ratio, known_ms * float(np.exp(record.fastest - width)),
            (known_ms * float(np.exp(width)) + excess_ms) * float(np.exp(record.slowest)))

    def save(self, folder: Path) -> None:
        """Writes the operator model, then the sidecar that vouches for it.

        Raises:
            UserError: the folder cannot be written.
        """
        writable_folder(folder)
        self.prices.model.save(folder / OPERATORS)
        digest = sha256(folder / OPERATORS / "operators.json")
        record = self.record.model_copy(update={"operators_sha256": digest})
        self.record = record.write(folder / SIDECAR)

    @classmethod
    def load(cls, folder: Path, library: OperatorLibrary) -> Self:
        """Reads an estimator back.

        Args:
            folder: where `save` wrote it.
            library: the library that it was fitted to.

        Raises:
            UserError: there is none, or it was fitted to another library.
            CorruptFileError: a file is truncated or edited.
        """
        record = read_record(folder)
        if record.library != library.identity:
            raise UserError(f"{folder} was fitted to another library; delete it")
        model = OperatorModel.load(folder / OPERATORS)
        rows = LibraryRows.of(library)
        device = rows.device(library.info.target, library.info.threads)
        unknown = UnknownKinds(**record.unknown.model_dump())
        return cls(record, Prices(rows.measured(), model, device, unknown))
