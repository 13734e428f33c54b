"""Parameters of each kind of job, checked before anything is queued.

They become options of the package's commands, so texts are held to narrow patterns; no path, URL or
file name is among them.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from luts.errors import UserError
from luts.recipes import recipe_names
from luts.target import load_target

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Name = Annotated[str, Field(pattern=NAME)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Threads = Annotated[int, Field(ge=1, le=1024)]
_Finite = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
_Shape = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,100}:[0-9]{1,9}(x[0-9]{1,9}){0,7}$")]
_Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class Parameters(BaseModel):
    """Parameters of one kind of job."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _OnTarget(Parameters):
    target: Name = Field(examples=["cpu"])
    threads: _Threads = 1

    @model_validator(mode="after")
    def _known_target(self) -> Self:
        try:
            load_target(self.target)
        except UserError as error:
            raise ValueError(str(error)) from None
        return self


class _OfRecipe(_OnTarget):
    recipe: Name = "flownas-small"

    @model_validator(mode="after")
    def _known_recipe(self) -> Self:
        _known_recipe(self.recipe)
        return self


class Profile(_OfRecipe):
    """Measures the operators of a recipe's space: ``profiler.build_lut``."""

    kind: Literal["profile"]
    networks: Annotated[int, Field(ge=1, le=100_000)] = 90
    runtime: Name | None = None
    precision: Name = "fp32"
    batch: Annotated[int, Field(ge=1, le=65536)] = 1
    budget_minutes: _Finite | None = None
    seed: _Seed = 0


class Library(_OnTarget):
    """Measures operators in random networks, for estimates: ``profiler.build_library``."""

    kind: Literal["library"]
    networks: Annotated[int, Field(ge=1, le=100_000)] = 600
    budget_minutes: _Finite = 8.0
    seed: _Seed = 0


class Fit(_OfRecipe):
    """Fits the predictor of a table: ``predictor.fit``."""

    kind: Literal["fit"]
    level: _Share = 0.95
    seed: _Seed = 0
    accept_drift: bool = False
    table: Number | None = Field(None, description="Resource number. Default: the newest table.")


class Train(Parameters):
    """Trains a recipe's networks on rendered pairs: ``supernet.train``."""

    kind: Literal["train"]
    recipe: Name = "flownas-small"
    network: Literal["reference", "supernet", "both"] = "both"
    steps: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    batch: Annotated[int, Field(ge=1, le=65536)] | None = None
    seed: _Seed = 0
    threads: _Threads = 1
    start_from_shipped: bool = False

    @model_validator(mode="after")
    def _known(self) -> Self:
        _known_recipe(self.recipe)
        return self


class Search(_OfRecipe):
    """Searches, verifies and hands over a network: ``evolution.run``."""

    kind: Literal["search"]
    latency: Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?(%|ms)$")] | None = Field(
        None, description="Budget, absolute or relative to the reference. Default: the recipe's.",
        examples=["80%", "45ms"])
    seed: _Seed = 0
    strategy: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}(:[a-z0-9-]{1,40})?$")] | None = None
    evaluations: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    accept_estimate: bool = False
    training: Number | None = Field(None, description="Resource number of trained weights. "
                                    "Default: those of the package.")


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


class Estimate(_OnTarget):
    """Estimates the latency of an uploaded model: ``predictor.estimate``."""

    kind: Literal["estimate"]
    model: Number = Field(description="Resource number of a model.", examples=[7])
    inputs: Annotated[list[_Shape], Field(max_length=20)] = Field(
        [], description="Shapes of inputs with free axes.", examples=[["image:1x3x224x224"]])
    precision: Name = "fp32"
    batch: Annotated[int, Field(ge=1, le=65536)] = 1
    level: _Share = 0.95
    strict: bool = False
    accept_estimate: bool = False


class Measure(_OnTarget):
    """Times an uploaded model layer by layer: ``profiler.measure``."""

    kind: Literal["measure"]
    model: Number = Field(description="Resource number of a model.", examples=[7])
    runtime: Name | None = None
    precision: Name = "fp32"
    min_samples: Annotated[int, Field(ge=3, le=100_000)] = 30
    max_seconds: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 5.0


AnyJob = Annotated[
    Profile | Library | Fit | Train | Search | Verify | Export | Estimate | Measure,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[Parameters]] = {
    "profile": Profile, "library": Library, "fit": Fit, "train": Train, "search": Search,
    "verify": Verify, "export": Export, "estimate": Estimate, "measure": Measure,
}


def _known_recipe(name: str) -> None:
    if name not in recipe_names():
        raise ValueError(f"unknown recipe '{name}'; known: {', '.join(recipe_names())}")
