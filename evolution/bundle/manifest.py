"""``bundle.json``: what a bundle holds; and ``SHA256SUMS``, which vouches for every file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evolution.bundle import standalone
from evolution.result import Provenance
from luts.checked import read_record
from luts.errors import UserError
from luts.files import sha256, write_json

FORMAT = 1
MANIFEST, SUMS, GOLDEN = standalone.MANIFEST, standalone.SUMS, standalone.GOLDEN
PREPROCESSING = "preprocessing.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFacts(_Part):
    """The model of a bundle.

    Attributes:
        file: what the runtime loads; ``extra`` names what it needs beside it.
        runtime: name of the runtime that it is for.
        runtime_version: that made it; empty where none did.
        opset: of the ONNX graph behind it; None for PyTorch.
        shapes: whether height and width are ``fixed`` or ``dynamic``.
        loop: how the updates are written.
        kept: parts that stay fp32 in lower precisions.
        compute_capability: of the GPUs that an engine runs on; None for other formats.
        parsed_back: what was read back of an engine, in words.
    """

    file: str
    extra: tuple[str, ...] = ()
    format: str
    precision: str
    runtime: str
    runtime_version: str = ""
    opset: int | None
    shapes: Literal["fixed", "dynamic"]
    loop: Literal["unrolled", "loop"]
    kept: tuple[str, ...] = ()
    compute_capability: str | None = None
    parsed_back: str = ""


class Expected(_Part):
    """The latency that is expected on the target.

    Attributes:
        basis: whether it was ``measured`` there, is ``predicted``, or ``unknown``.
        latency_ms: None where it is unknown, as are the others.
        low_ms: lower end of the interval.
        high_ms: upper end.
        interval: what the interval means, in words.
        of: what it is a latency of: runtime and precision.
    """

    basis: Literal["measured", "predicted", "unknown"]
    latency_ms: float | None
    low_ms: float | None
    high_ms: float | None
    interval: str
    of: str


class Tolerance(_Part):
    """How far outputs on the target may be from the golden ones.

    Attributes:
        measure: ``largest`` difference over the largest golden value, or ``mean`` over mean.
        relative: the limit of it.
        reason: where the limit comes from, in words.
    """

    measure: Literal["largest", "mean"]
    relative: float = Field(gt=0, allow_inf_nan=False)
    reason: str


class Checked(_Part):
    """What was found when the file was made.

    Attributes:
        on: what was executed for it, in words.
        largest_difference: from PyTorch in fp32, over the largest value of its output.
        mean_difference: mean difference over mean absolute value.
        metrics: validation metrics of what was executed.
        torch_metrics: of the network in PyTorch, fp32.
    """

    on: str
    largest_difference: float
    mean_difference: float
    metrics: dict[str, float]
    torch_metrics: dict[str, float]


class Manifest(_Part):
    """``bundle.json``.

    Attributes:
        device_names: what drivers call the target; a check on another device gives no verdict.
        objective: the metric that was searched for.
        budget_ms: limit of the median latency on the target.
        threads: that the budget counts with.
        verified: whether the run measured this network on its target within the budget.
    """

    format: int = FORMAT
    kind: Literal["metronas.bundle"] = "metronas.bundle"
    recipe: str
    target: str
    device_names: tuple[str, ...] = ()
    architecture: dict[str, int]
    objective: str
    budget_ms: float = Field(gt=0, allow_inf_nan=False)
    threads: int = Field(ge=1)
    verified: bool
    reason: str
    model: ModelFacts
    expected: Expected
    tolerance: Tolerance
    checked: Checked
    made: str
    provenance: Provenance

    def save(self, folder: Path) -> None:
        """Writes it into a bundle that is being made."""
        write_json(folder / MANIFEST, self.model_dump(mode="json"))


def write_sums(folder: Path) -> None:
    """Writes ``SHA256SUMS`` over all files of a bundle, as ``sha256sum -c`` reads it."""
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    text = "".join(f"{sha256(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(text, encoding="utf-8")


def load_manifest(folder: Path) -> Manifest:
    """Reads a bundle's manifest after checking every checksum.

    Raises:
        UserError: it is no bundle, or a file was changed.
        CorruptFileError: the manifest cannot be read.
    """
    try:
        standalone.check_sums(folder)
    except standalone.UnusableError as error:
        raise UserError(str(error)) from None
    return read_record(folder / MANIFEST, Manifest)


def is_bundle(folder: Path) -> bool:
    """Whether a folder is meant to be a bundle."""
    return (folder / MANIFEST).is_file() or (folder / SUMS).is_file()
