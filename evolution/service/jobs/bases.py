"""What the parameters of several kinds of job share."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evolution.service.jobs.checking import check_arithmetic
from evolution.service.jobs.fields import Name, Threads
from luts.errors import UserError
from luts.recipes import recipe_names
from luts.target import load_target


class Parameters(BaseModel):
    """Parameters of one kind of job."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OnTarget(Parameters):
    """Of a job that is for a target, by a runtime and in a precision where it has these."""

    target: Name = Field(examples=["cpu"])
    threads: Threads = 1

    @model_validator(mode="after")
    def _known_target(self) -> Self:
        try:
            load_target(self.target)
        except UserError as error:
            raise ValueError(str(error)) from None
        check_arithmetic(getattr(self, "precision", None), getattr(self, "runtime", None))
        return self


class OfRecipe(OnTarget):
    """Of a job that is for a recipe on a target."""

    recipe: Name = "flownas-small"

    @model_validator(mode="after")
    def _known_recipe(self) -> Self:
        known_recipe(self.recipe)
        return self


def known_recipe(name: str) -> None:
    """Makes sure that there is such a recipe.

    Raises:
        ValueError: there is not.
    """
    if name not in recipe_names():
        raise ValueError(f"unknown recipe '{name}'; known: {', '.join(recipe_names())}")
