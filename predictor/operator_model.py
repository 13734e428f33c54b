"""Latencies of operators that were never measured, from those that were.

Per kind of operator: a roofline with an overhead and utilisations that are fitted per device
carries the scale, and a model of log(measured / that) with physical features carries the rest.
Outside the trained range the learned part goes on flat, so that the roofline extrapolates.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from luts.errors import UnknownNameError, UserError
from luts.operator import Operator
from predictor.conformal import fewest_scores
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operators.checks import checked, codes, distinct, rows_by_kind
from predictor.operators.features import Indices
from predictor.operators.fitting import Rows, fit_kind
from predictor.operators.kind_model import KindModel
from predictor.operators.record import read_model, write_model
from predictor.operators.work import Work

__all__ = ["DeviceFacts", "OperatorModel", "OperatorPrediction"]


@dataclass(frozen=True, slots=True)
class OperatorPrediction:
    """Predictions of operators on one device.

    Attributes:
        latency_ms: median latency, shape ``(operators,)``.
        lower_ms: lower end of the interval, shape ``(operators,)``.
        upper_ms: upper end of the interval, shape ``(operators,)``.
    """

    latency_ms: Floats
    lower_ms: Floats
    upper_ms: Floats


class OperatorModel:
    """One model per kind of operator.

    Args:
        models: kind to its model.
        level: share of measurements that the intervals hold.
        seed: seed that it was fitted with.
    """

    def __init__(self, models: dict[str, KindModel], level: float, seed: int) -> None:
        self.models = models
        self.level = level
        self.seed = seed

    @classmethod
    def fit(
        cls,
        operators: Sequence[Operator],
        latency_ms: Floats,
        devices: DeviceFacts | Sequence[DeviceFacts],
        *,
        level: float = 0.95,
        seed: int = 0,
        groups: Sequence[Hashable] | None = None,
    ) -> Self:
        """Learns from measured operators of one or more devices.

        Args:
            operators: one per row.
            latency_ms: measured, shape ``(rows,)``.
            devices: the device of all rows, or one per row.
            level: share of measurements that the intervals must hold.
            seed: seed of all draws; equal inputs and seeds give equal models on one machine.
            groups: rows of one group are never both learned from and judged; None takes equal
                operators as groups.

        Raises:
            UserError: no rows, rows that do not fit together, a latency that is not a positive
                number, two devices of one name, a level outside 0 to 1, an unknown kind.
        """
        fewest_scores(level)
        listed = [devices] * len(operators) if isinstance(devices, DeviceFacts) else list(devices)
        labels: Sequence[Hashable] = operators if groups is None else list(groups)
        if not len(operators) == len(listed) == len(labels):
            raise UserError(
                f"{len(operators)} operators, {len(listed)} devices and {len(labels)} groups; "
                "wanted equally many"
            )
        latency_ms = checked(operators, latency_ms)
        facts, of = distinct(listed)
        group = codes(labels)
        models = {}
        for kind, rows in rows_by_kind(operators).items():
            own = [operators[i] for i in rows]
            part = Rows(own, Work.of(own), latency_ms[rows], of[rows], group[rows])
            models[kind] = fit_kind(part, facts, level, seed)
        return cls(models, level, seed)

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of operators that it can predict."""
        return frozenset(self.models)

    def predict(self, operators: Sequence[Operator], device: DeviceFacts) -> OperatorPrediction:
        """Predicts operators on a device, which need not be one that was learned from.

        Args:
            operators: any number, of known kinds.
            device: a device of the same name as in training is taken as that device.

        Raises:
            UserError: a kind that was never measured; the message names all of them.
        """
        log_ms, width = np.zeros(len(operators)), np.zeros(len(operators))
        for kind, rows in self._by_kind(operators).items():
            own = [operators[i] for i in rows]
            of = np.zeros(len(own), dtype=np.int64)
            log_ms[rows], width[rows] = self.models[kind].log_ms(own, [device], of)
        return OperatorPrediction(np.exp(log_ms), np.exp(log_ms - width), np.exp(log_ms + width))

    def adapt(
        self, operators: Sequence[Operator], latency_ms: Floats, device: DeviceFacts
    ) -> OperatorModel:
        """The same after a few measurements on a device, of which it becomes a known one.

        Overhead and utilisations of the kinds that were measured move from what the other devices
        suggest towards the measurements; the learned part stays.

        Args:
            operators: measured, at least one, of known kinds.
            latency_ms: their latency, shape ``(operators,)``.
            device: facts of the device.

        Raises:
            UserError: an unknown kind, or a latency that is not a positive number.
        """
        latency_ms = checked(operators, latency_ms)
        models = dict(self.models)
        for kind, rows in self._by_kind(operators).items():
            own = [operators[i] for i in rows]
            models[kind] = models[kind].adapt(own, latency_ms[rows], device)
        return OperatorModel(models, self.level, self.seed)

    def _by_kind(self, operators: Sequence[Operator]) -> dict[str, Indices]:
        found = rows_by_kind(operators)
        unknown = sorted(set(found) - self.kinds)
        if unknown:
            raise UnknownNameError("operator kind", "', '".join(unknown), self.kinds)
        return found

    def save(self, folder: Path) -> None:
        """Writes the trees, then the sidecar that vouches for them.

        Raises:
            UserError: the folder cannot be written.
        """
        write_model(folder, self.models, self.level, self.seed)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads a model back.

        Raises:
            UserError: there is none.
            CorruptFileError: a file is truncated, edited, or of another format.
        """
        return cls(*read_model(folder))
