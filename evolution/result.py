"""The answer of a run: ``result.json``, checked on the way out and in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from evolution.engines import Engines
from evolution.folder import RESULT
from evolution.foretold import Foretold
from evolution.front import FrontResult
from evolution.level import Level
from evolution.verification import Check, Latency
from luts.checked import read_record
from luts.errors import UserError
from luts.files import write_json

FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConstraintResult(_Part):
    """What the network had to keep.

    Attributes:
        latency_ms: budget for the measured median.
        parameters: largest number of weights, or None.
    """

    latency_ms: float = Field(gt=0, allow_inf_nan=False)
    parameters: int | None


class LimitResult(_Part):
    """One constraint, and how the network keeps it.

    Attributes:
        name: such as ``latency_ms`` or ``memory_mib``, with its unit.
        target: for a latency, the target; empty for others.
        limit: the largest value that is allowed.
        predicted: the network's value before it was measured.
        upper: what was compared with the limit: the upper bound as corrected in the end.
        reference: the reference's predicted value.
        measured: what was measured or counted on the network itself; None: it was not.
    """

    name: str
    target: str = ""
    limit: float
    predicted: float
    upper: float
    reference: float
    measured: float | None


class NetworkResult(_Part):
    """One network.

    Attributes:
        architecture: decision to value; None for the hand-designed reference.
        predicted_latency_ms: by the predictor.
        upper_latency_ms: upper bound by the predictor.
        measured_latency_ms: median measured on the target; None where it was not measured.
        measured: the whole measurement, or None.
        metrics: validation metrics in torch.
        parameters: weights of the whole network.
    """

    architecture: dict[str, int] | None
    predicted_latency_ms: float
    upper_latency_ms: float
    measured_latency_ms: float | None
    measured: Latency | None
    metrics: dict[str, float | None]
    parameters: int


class RoundResult(_Part):
    """One verification round."""

    architecture: dict[str, int]
    predicted_latency_ms: float
    upper_latency_ms: float
    check: Check


class Provenance(_Part):
    """What the figures depend on."""

    versions: dict[str, str]
    commit: str | None
    table: str
    accuracy: dict[str, str | int]
    recipe_sha256: str
    seed: int
    date: str
    threads: int
    runtime: str
    precision: str
    device: dict[str, Any]


class Result(_Part):
    """``result.json``.

    Attributes:
        objective: name of the minimised metric.
        limits: every constraint, and how the winner keeps it.
        levels: what the reference took before the search, per target; empty: not measured.
        front: all that is worth having over a range of budgets, where that was asked for.
        verified: measured on the target within the budget, outputs as in torch.
        reason: why it is not verified; empty when it is.
        latencies: what the budget was kept by: a ``measured`` table of the target, or an
            ``estimated`` one.
        evidence: measurements behind an estimated table, in words; empty for a measured one.
        foretold: what an estimate from afar says of networks whose latencies were measured here;
            None where there is none, or the search went by it.
        to_verify: command that settles an unmeasured result on the target; empty for others.
        engines: what was built ahead for a target that is not here; None where it is.
        evaluations: architectures that were scored.
        shared: factor on the upper bounds that a budget relative to the reference allows, whose
            error candidates share; 1 where it was not used.
        correction: factor on the upper bounds at the end, `shared` included; verification raises
            it where something was struck.
    """

    format: int = FORMAT
    target: str
    recipe: str
    seed: int
    objective: str
    constraint: ConstraintResult
    limits: tuple[LimitResult, ...] = ()
    levels: tuple[Level, ...] = ()
    front: FrontResult | None = None
    best: NetworkResult
    reference: NetworkResult
    verified: bool
    reason: str
    latencies: Literal["measured", "estimated"] = "measured"
    evidence: str = ""
    foretold: Foretold | None = None
    to_verify: str = ""
    engines: Engines | None = None
    evaluations: int
    shared: float = 1.0
    correction: float
    rounds: tuple[RoundResult, ...]
    provenance: Provenance

    @property
    def latency_limits(self) -> tuple[LimitResult, ...]:
        """Those on latencies, the searched target's first; none for runs that did not list them."""
        return tuple(limit for limit in self.limits if limit.name == "latency_ms")

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Targets on which the winner was not measured."""
        if not self.limits:
            return () if self.best.measured is not None else (self.target,)
        return tuple(limit.target for limit in self.latency_limits if limit.measured is None)

    @property
    def struck(self) -> bool:
        """Whether the network failed its proof, so that none was found that holds."""
        own = [tried.check for tried in self.rounds if tried.architecture == self.best.architecture]
        return not self.verified and any(check.faults for check in own)

    @property
    def scale(self) -> float:
        """Factor on the upper bounds on the searched target before anything was verified."""
        own = {limit.target for limit in self.limits[:1]}
        return math.prod([self.shared, *(x.scale for x in self.levels if x.target in own)])

    def save(self, folder: Path) -> None:
        """Writes it, whole or not at all."""
        write_json(folder / RESULT, self.model_dump(mode="json"))


def load_result(folder: Path) -> Result:
    """Reads the result of a run.

    Raises:
        UserError: the run is not finished, or it is no run.
        CorruptFileError: the file is damaged.
    """
    path = folder / RESULT
    if not path.is_file():
        raise UserError(f"'{folder}' holds no finished run: it has no {RESULT}")
    return read_record(path, Result)
