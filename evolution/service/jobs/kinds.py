"""Parameters of each kind of job, checked before anything is queued.

They become options of the package's commands, so texts are held to narrow patterns; no path, URL or
file name is among them.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from evolution.service.jobs.bases import OfRecipe, OnTarget, Parameters, known_recipe
from evolution.service.jobs.checking import check_estimate, check_search
from evolution.service.jobs.fields import (
    Budget,
    Chosen,
    Count,
    Energy,
    Finite,
    Halving,
    Memory,
    Name,
    Number,
    Range,
    Seed,
    Shape,
    Share,
    Threads,
)
from luts.target import load_target

__all__ = ["KINDS", "AnyJob", "Estimate", "Export", "Fit", "Library", "Measure", "Parameters",
           "Profile", "Search", "Train", "Verify"]


class Profile(OfRecipe):
    """Measures the operators of a recipe's space: ``profiler.build_lut``."""

    kind: Literal["profile"]
    networks: Annotated[int, Field(ge=1, le=100_000)] = 90
    runtime: Name | None = None
    precision: Name = "fp32"
    batch: Annotated[int, Field(ge=1, le=65536)] = 1
    budget_minutes: Finite | None = None
    seed: Seed = 0


class Library(OnTarget):
    """Measures operators in random networks, for estimates: ``profiler.build_library``."""

    kind: Literal["library"]
    networks: Annotated[int, Field(ge=1, le=100_000)] = 600
    budget_minutes: Finite = 8.0
    seed: Seed = 0

    @model_validator(mode="after")
    def _of_a_processor(self) -> Self:
        if load_target(self.target).kind != "cpu":
            raise ValueError(f"libraries are measured on processors so far, and '{self.target}' is "
                             "a GPU")
        return self


class Fit(OfRecipe):
    """Fits the predictor of a table: ``predictor.fit``."""

    kind: Literal["fit"]
    level: Share = 0.95
    seed: Seed = 0
    accept_drift: bool = False
    table: Number | None = Field(None, description="Resource number. Default: the newest table.")


class Train(Parameters):
    """Trains a recipe's networks on the recipe's own data: ``supernet.train``."""

    kind: Literal["train"]
    recipe: Name = "flownas-small"
    network: Literal["reference", "supernet", "both"] = "both"
    steps: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    batch: Annotated[int, Field(ge=1, le=65536)] | None = None
    seed: Seed = 0
    threads: Threads = 1
    start_from_shipped: bool = False

    @model_validator(mode="after")
    def _known(self) -> Self:
        known_recipe(self.recipe)
        return self


class Search(OfRecipe):
    """Searches, verifies and hands over a network: ``evolution.run``."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # limits such as 20

    kind: Literal["search"]
    latency: Budget | None = Field(
        None, description="Budget, absolute or relative to the reference. Default: the recipe's.",
        examples=["80%", "45ms"])
    pareto: Range | None = Field(
        None, description="Range of budgets over which a whole front is searched.",
        examples=["50%..120%"])
    verify_points: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Points of the front that are measured.")
    memory_mib: Memory | None = Field(None, description="Most memory, in MiB or relative.")
    parameters: Count | None = Field(None, description="Most weights, or relative.")
    flops: Count | None = Field(None, description="Most operations, or relative.")
    energy_mj: Energy | None = Field(None, description="Most energy in mJ, or relative.")
    seed: Seed = 0
    strategy: Chosen | None = None
    evaluations: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    halving: Halving | None = Field(
        None, description="Validation pairs that a batch is scored on first.", examples=["2:0.3"])
    accept_estimate: bool = False
    training: Number | None = Field(None, description="Resource number of trained weights. "
                                    "Default: those of the package.")

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if self.latency is not None and self.pareto is not None:
            raise ValueError("give latency or pareto, not both")
        check_search(self.model_dump())
        return self


class Verify(Parameters):
    """Measures the winner of a run on its target: ``evolution.verify``."""

    kind: Literal["verify"]
    run: Number = Field(description="Resource number of a run.", examples=[12])


class Export(Parameters):
    """Hands a network of a run over as a bundle: ``evolution.export``."""

    kind: Literal["export"]
    run: Number = Field(description="Resource number of a run.", examples=[12])
    point: Number | None = Field(None, description="Which of the architectures that it scored. "
                                 "Default: the winner.", examples=[17])
    format: Literal["onnx", "openvino", "tensorrt", "tensorrt-rtx", "torch"] = "onnx"
    precision: Literal["fp32", "fp16", "bf16", "int8"] = "fp32"
    training: Number | None = Field(None, description="Resource number of the weights that the "
                                    "run used, for `point`. Default: those that its search named.")


class Estimate(OnTarget):
    """Estimates the latency of an uploaded model: ``predictor.estimate``."""

    kind: Literal["estimate"]
    model: Number = Field(description="Resource number of a model.", examples=[7])
    inputs: Annotated[list[Shape], Field(max_length=20)] = Field(
        [], description="Shapes of inputs with free axes.", examples=[["image:1x3x224x224"]])
    precision: Name = "fp32"
    batch: Annotated[int, Field(ge=1, le=65536)] = 1
    level: Share = 0.95
    strict: bool = False
    accept_estimate: bool = False

    @model_validator(mode="after")
    def _known(self) -> Self:
        check_estimate(self.target, self.precision, self.threads, self.batch,
                       accept=self.accept_estimate)
        return self


class Measure(OnTarget):
    """Times an uploaded model layer by layer: ``profiler.measure``."""

    kind: Literal["measure"]
    model: Number = Field(description="Resource number of a model.", examples=[7])
    runtime: Name | None = None
    precision: Name = "fp32"
    min_samples: Annotated[int, Field(ge=3, le=100_000)] = 30
    max_seconds: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 5.0


AnyJob = Annotated[Profile | Library | Fit | Train | Search | Verify | Export | Estimate | Measure,
                   Field(discriminator="kind")]
KINDS: dict[str, type[Parameters]] = {
    "profile": Profile, "library": Library, "fit": Fit, "train": Train, "search": Search,
    "verify": Verify, "export": Export, "estimate": Estimate, "measure": Measure,
}
