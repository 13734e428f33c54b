"""An estimator as files: a sidecar, and the operator model beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luts.errors import CorruptFileError
from luts.files import read_json, sha256

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


class EstimatorRecord(BaseModel):
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
        sealed_sha256: digest of this record without this field.
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
    sealed_sha256: str = ""

    def seal(self) -> str:
        """Hex digest of everything else in the record."""
        body = self.model_dump(mode="json", exclude={"sealed_sha256"})
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def read_record(folder: Path) -> EstimatorRecord:
    """Reads and checks an estimator's sidecar.

    Raises:
        UserError: there is none.
        CorruptFileError: it is truncated, edited, or of another format.
    """
    path = folder / SIDECAR
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise CorruptFileError(f"{path} is not an estimator of format {FORMAT}; fit it again")
    try:
        record = EstimatorRecord.model_validate(raw)
    except ValidationError as error:
        raise CorruptFileError(f"{path} does not describe an estimator ({error})") from None
    if record.sealed_sha256 != record.seal():
        raise CorruptFileError(f"{path} was edited after it was written; delete its folder")
    operators = folder / OPERATORS / "operators.json"
    if not operators.is_file() or sha256(operators) != record.operators_sha256:
        raise CorruptFileError(f"{operators} is absent or edited; delete {folder}")
    return record
