"""The sidecar of a saved predictor: all of it but the trees, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from luts.sealed import Sealed, check_files, read_sealed

FORMAT = 2
SIDECAR = "predictor.json"
TREES_FILE = "trees.json"


class Quality(BaseModel):
    """Errors on networks that the model had not seen, by cross-validation; shares are fractions.

    Attributes:
        networks: networks in the figures: the uniformly drawn ones.
        mape: mean absolute relative error of the prediction.
        within_5: share of networks predicted within 5 %.
        within_10: share of networks predicted within 10 %.
        sum_mape: mean absolute relative error of the bare table sum.
        method_errors: mean absolute log error of each method that was tried.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: int
    mape: float
    within_5: float
    within_10: float
    sum_mape: float
    method_errors: dict[str, float]


class PredictorRecord(Sealed):
    """What ``predictor.json`` holds.

    Attributes:
        table_identity: identity of the table that it was fitted to.
        level: level of the upper bound.
        margin: logarithm of upper bound over prediction, at the middle latency.
        margin_slope: exponent with which the part that is not for speed grows with latency.
        middle_ms: the middle latency.
        speed_margin: part of it that is for the slowest speed that the machine showed.
        networks: distinct networks that it learned from.
        method: name of the method that was chosen.
        features: names of the features, in order.
        mean: feature means of the baseline.
        weights: slopes of the baseline.
        intercept: baseline at the means.
        reference_ms: measured latency of the reference network, if the table has it.
        trees_sha256: digest of the file of the trees; None if the method has none.
    """

    format: int = FORMAT
    kind: Literal["network"] = "network"
    target: str
    recipe: str
    table_identity: str
    level: float = Field(gt=0, lt=1)
    seed: int
    margin: float = Field(allow_inf_nan=False)
    margin_slope: float = Field(default=0.0, allow_inf_nan=False)
    middle_ms: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    speed_margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    networks: int
    method: str
    features: tuple[str, ...]
    mean: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float = Field(allow_inf_nan=False)
    reference_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    quality: Quality
    trees_sha256: str | None = None


def refit_command(target: str, recipe: str, threads: int) -> str:
    """The command that fits the predictor of a table."""
    return f"python -m predictor.fit --target {target} --recipe {recipe} --threads {threads}"


def read_record(folder: Path) -> PredictorRecord:
    """Reads a sidecar and checks it, and the file of the trees, against their digests.

    Raises:
        UserError: there is none.
        CorruptFileError: a file is truncated, edited, or of another format.
    """
    again = "fit it again"
    record = read_sealed(folder / SIDECAR, PredictorRecord, format=FORMAT, what="a predictor",
                         again=again)
    if record.trees_sha256 is not None:
        check_files(folder, {TREES_FILE: record.trees_sha256}, again=again)
    return record
