"""What the report shows beyond the journal: calibration points and latencies of the cells."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from evolution.prepare import Plan
from evolution.strategies.base import Vector
from luts.errors import CorruptFileError
from luts.files import read_json, write_json

EVIDENCE = "evidence.json"


class Sample(BaseModel):
    """A network of the table: predicted, with upper bound, and measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predicted_ms: float
    upper_ms: float
    measured_ms: float


class Decision(BaseModel):
    """One decision of the space and its choices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    choices: tuple[int, ...]
    labels: tuple[str, ...] = ()


class Evidence(BaseModel):
    """Figures kept in the run folder so that its report can be written again without the table.

    Attributes:
        samples: whole networks of the table, which the predictor has learned from.
        parts: factor name and its predicted latency in ms within the winner.
        decisions: decisions of the space.
        space_size: number of architectures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: tuple[Sample, ...]
    parts: tuple[tuple[str, float], ...]
    decisions: tuple[Decision, ...]
    space_size: int

    def save(self, folder: Path) -> None:
        """Writes it, whole or not at all."""
        write_json(folder / EVIDENCE, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads it back.

        Raises:
            UserError: it is absent.
            CorruptFileError: it is damaged.
        """
        raw = read_json(folder / EVIDENCE)
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            field = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise CorruptFileError(f"{folder / EVIDENCE}: {field} is damaged") from None


def collect(plan: Plan, vector: Vector) -> Evidence:
    """Gathers the evidence about one winner.

    Args:
        plan: gives table, predictor and space.
        vector: the winner's choice indices.
    """
    networks = [sample for sample in plan.table.networks if sample.vector is not None]
    vectors = np.array([sample.vector for sample in networks], dtype=np.int64)
    predicted = plan.predictor.predict(vectors.reshape(len(networks), len(plan.space.decisions)))
    winner = as_array(vector)[None]
    parts = [
        (factor.name, float(costs[plan.space.factor_rows(factor, winner)[0]]))
        for factor, costs in zip(plan.space.factors, plan.predictor.factor_costs(), strict=True)
    ]
    return Evidence(
        samples=tuple(
            Sample(predicted_ms=float(p), upper_ms=float(u), measured_ms=sample.latency_ms)
            for p, u, sample in zip(
                predicted.latency_ms, predicted.upper_ms, networks, strict=True
            )
        ),
        parts=tuple(parts),
        decisions=tuple(
            Decision(name=decision.name, choices=decision.choices, labels=decision.labels)
            for decision in plan.space.decisions
        ),
        space_size=plan.space.size,
    )


def as_array(vector: Vector) -> npt.NDArray[np.int64]:
    """Choice indices as an array of shape ``(decisions,)``."""
    return np.array(vector, dtype=np.int64)
