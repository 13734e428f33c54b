"""What comes with the package: targets and recipes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from evolution.service.accounts import Role
from evolution.service.api.routing import Routes
from evolution.service.errors import NotFoundError
from evolution.service.jobs.fields import NAME
from luts.errors import UnknownNameError
from luts.recipes import read_recipe, recipe_names
from luts.target import load_target, target_names

routes = Routes("targets and recipes")
_Name = Annotated[str, Path(pattern=NAME, examples=["cpu"])]


_TARGET = {"name": "cpu", "kind": "cpu", "title": "this machine's processor",
           "runtimes": ["onnxruntime"]}


@routes.add("GET", "/targets", Role.viewer, example=[_TARGET])
def targets() -> list[dict[str, Any]]:
    """Facts of every target that the package describes."""
    return [load_target(name).model_dump(mode="json") for name in target_names()]


@routes.add("GET", "/targets/{name}", Role.viewer, example=_TARGET)
def target(name: _Name) -> dict[str, Any]:
    """Facts of one target."""
    try:
        return load_target(name).model_dump(mode="json")
    except UnknownNameError as error:
        raise NotFoundError(str(error)) from None


@routes.add("GET", "/recipes", Role.viewer, example=["flownas", "flownas-small"])
def recipes() -> list[str]:
    """Names of the recipes."""
    return recipe_names()


@routes.add("GET", "/recipes/{name}", Role.viewer,
            example={"name": "flownas-small", "task": "optical_flow"})
def recipe(name: _Name) -> dict[str, Any]:
    """One recipe, as plain data."""
    try:
        return read_recipe(name)
    except UnknownNameError as error:
        raise NotFoundError(str(error)) from None
