"""What the report shows beyond the journal: calibration points and latencies of the cells."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

from evolution.plan import Plan
from evolution.strategies.base import Vector
from luts.checked import read_record
from luts.errors import CorruptFileError
from luts.files import write_json

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


class FactorCosts(BaseModel):
    """What a factor costs under each combination of its decisions.

    Attributes:
        name: of the factor.
        decisions: places of its decisions among those of the space.
        costs_ms: as in `luts.space.OperatorSpace.factor_choices`: the last decision varies fastest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    decisions: tuple[int, ...]
    costs_ms: tuple[float, ...]


class Evidence(BaseModel):
    """Figures kept in the run folder so that its report can be written again without the table.

    Attributes:
        samples: whole networks of the table, which the predictor has learned from.
        parts: factor name and its predicted latency in ms within the winner.
        decisions: decisions of the space.
        space_size: number of architectures.
        factors: what the parts of every other architecture cost; empty in runs of versions that
            did not keep it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: tuple[Sample, ...]
    parts: tuple[tuple[str, float], ...]
    decisions: tuple[Decision, ...]
    space_size: int
    factors: tuple[FactorCosts, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for factor in self.factors:
            if not all(0 <= index < len(self.decisions) for index in factor.decisions):
                raise ValueError(f"factor {factor.name} names decisions that are not there")
            rows = prod(len(self.decisions[index].choices) for index in factor.decisions)
            if len(factor.costs_ms) != rows:
                raise ValueError(f"factor {factor.name} has {len(factor.costs_ms)} costs, not "
                                 f"{rows}")
        return self

    def breakdown(self, vectors: Sequence[Vector]) -> npt.NDArray[np.float64]:
        """Predicted latency in ms of each part, in the order of `factors`.

        Args:
            vectors: choice indices, ``count`` of them.

        Returns:
            Shape ``(count, factors)``; what a prediction has beyond their sum belongs to no part.
            What is idle because of decisions of others is in it.

        Raises:
            CorruptFileError: a vector does not belong to these decisions.
        """
        cardinalities = [len(decision.choices) for decision in self.decisions]
        try:
            found = np.array(vectors, dtype=np.int64).reshape(len(vectors), len(cardinalities))
        except (ValueError, OverflowError, TypeError) as error:
            raise CorruptFileError(f"vectors are not of {len(cardinalities)} decisions ({error})"
                                   ) from None
        if ((found < 0) | (found >= np.array(cardinalities, dtype=np.int64))).any():
            raise CorruptFileError("a vector has an index outside its decision")
        parts = np.zeros((len(vectors), len(self.factors)))
        for place, factor in enumerate(self.factors):
            rows = np.zeros(len(vectors), dtype=np.int64)
            for index in factor.decisions:
                rows = rows * cardinalities[index] + found[:, index]
            parts[:, place] = np.array(factor.costs_ms)[rows]
        return parts

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
        return read_record(folder / EVIDENCE, cls)


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
    every = [costs.tolist() for costs in plan.predictor.factor_costs()]
    names = (factor.name for factor in plan.space.factors)
    parts = zip(names, plan.predictor.parts_ms(winner)[0].tolist(), strict=True)
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
        factors=tuple(
            FactorCosts(name=factor.name, decisions=factor.decisions, costs_ms=tuple(costs))
            for factor, costs in zip(plan.space.factors, every, strict=True)
        ),
    )


def as_array(vector: Vector) -> npt.NDArray[np.int64]:
    """Choice indices as an array of shape ``(decisions,)``."""
    return np.array(vector, dtype=np.int64)
