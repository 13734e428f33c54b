"""An estimator as files: a sidecar, and the operator model beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from luts.sealed import Sealed, check_files, read_sealed

FORMAT = 1
SIDECAR = "estimator.json"
OPERATORS = "operators"
_FROZEN = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class UnknownRecord(BaseModel):
    """See `predictor.estimation.unknown.UnknownKinds`."""

    model_config = _FROZEN

    overhead_ms: float
    ms_per_mb: float
    ms_per_gflop: float
    reach: float


class EstimatorRecord(Sealed):
    """What ``estimator.json`` holds.

    Attributes:
        format: version of this record.
        target: target of the library.
        library: identity of the library.
        level: share of networks that the interval must hold.
        seed: seed of all draws.
        features: columns of the correction.
        method: how the correction was learned.
        mean: feature means, per column.
        weights: slopes, per column.
        intercept: correction at the means.
        margin: half width of the interval, as a factor on the difficulty of a network.
        floor: difficulty where everything was measured, in log units.
        fastest: log speed of the machine at its fastest during the campaign, about 0.
        slowest: the same at its slowest.
        unknown: how operators of unknown kinds are guessed.
        quality: errors on networks of the library that were not learned from.
        operators_sha256: digest of the operator model's sidecar, which vouches for its files.
    """

    model_config = _FROZEN

    format: int = FORMAT
    target: str
    library: str
    level: float = Field(gt=0, lt=1)
    seed: int
    features: tuple[str, ...]
    method: str
    mean: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    margin: float = Field(ge=0)
    floor: float = Field(gt=0)
    fastest: float = Field(le=0)
    slowest: float = Field(ge=0)
    unknown: UnknownRecord
    quality: dict[str, float]
    operators_sha256: str = ""


def read_record(folder: Path) -> EstimatorRecord:
    """Reads and checks an estimator's sidecar.

    Raises:
        UserError: there is none.
        CorruptFileError: it is truncated, edited, or of another format.
    """
    again = f"delete {folder}"
    record = read_sealed(folder / SIDECAR, EstimatorRecord, format=FORMAT, what="an estimator",
                         again=again)
    check_files(folder, {f"{OPERATORS}/operators.json": record.operators_sha256}, again=again)
    return record
