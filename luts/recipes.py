"""Recipe files, found by name and read as plain data.

The trainer and the search read the same file; this module lets both do so without either
knowing the other. Each checks the sections that it uses.
"""

from __future__ import annotations

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from luts.errors import CorruptFileError, UnknownNameError, UserError

_PACKAGE = "evolution.recipes"
_SUFFIX = ".yaml"
FOLDER_VARIABLE = "METRONAS_RECIPES"
"""Names a folder of further recipes; one of the package keeps its name."""


def recipe_names() -> list[str]:
    """All recipes that ship with the package or lie in ``$METRONAS_RECIPES``, sorted."""
    return sorted(_found())


def recipe_text(name: str) -> str:
    """The recipe's file as it is written, comments included.

    Raises:
        UnknownNameError: no recipe has that name.
    """
    return _file(name).read_text(encoding="utf-8")


def read_recipe(name: str) -> dict[str, Any]:
    """The recipe as plain data.

    Args:
        name: such as ``flownas-small``.

    Raises:
        UnknownNameError: no recipe has that name.
        CorruptFileError: its file is not a YAML mapping, or it has another name in it, by which
            trainer, campaign and search would not find each other's files.
    """
    source = _file(name).name
    data = parse_recipe(recipe_text(name), source)
    for field in ("name", "space"):
        if data.get(field, name) != name:
            raise CorruptFileError(f"{source}: {field}: '{data[field]}' must be '{name}', as the "
                                   "file is called")
    return data


def parse_recipe(text: str, source: str) -> dict[str, Any]:
    """Reads YAML text that holds a recipe.

    Args:
        text: the YAML.
        source: file name, for error messages.

    Raises:
        CorruptFileError: it is not a YAML mapping.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise CorruptFileError(f"{source} is not valid YAML ({reason})") from None
    if not isinstance(data, dict):
        raise CorruptFileError(f"{source} holds no mapping of recipe sections")
    return data


def _file(name: str) -> Traversable:
    found = _found()
    if name not in found:
        raise UnknownNameError("recipe", name, found)
    return found[name]


def _found() -> dict[str, Traversable]:
    """Files by name of recipe."""
    places: list[Traversable] = [files(_PACKAGE)]
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise UserError(f"{FOLDER_VARIABLE}={named} is no folder")
        places.insert(0, folder)
    return {
        item.name.removesuffix(_SUFFIX): item
        for place in places for item in place.iterdir() if item.name.endswith(_SUFFIX)
    }
