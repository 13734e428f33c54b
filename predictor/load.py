"""Finds the predictor that belongs to a target and a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luts.errors import CorruptFileError, UserError
from luts.files import read_json
from luts.paths import find_table, table_folder
from luts.space import OperatorSpace
from luts.spaces import load_space
from luts.table import LatencyTable
from luts.target import load_target
from predictor.base import PREDICTORS, LatencyPredictor
from predictor.record import SIDECAR, refit_command

FOLDER = "predictor"


def predictor_folder(table: LatencyTable) -> Path:
    """Folder of a table's predictor, whether it exists or not."""
    info = table.info
    return (
        table_folder(
            info.target, info.recipe, info.runtime, info.precision, info.batch, info.threads
        )
        / FOLDER
    )


def load_space_and_table(
    target: str, recipe: str, threads: int = 1
) -> tuple[OperatorSpace, LatencyTable]:
    """The space of a recipe, and its table on a target.

    Raises:
        UnknownNameError: no such target or recipe.
        UserError: no table; the message names the command that builds one.
        CorruptFileError: the table is damaged.
    """
    load_target(target)
    return load_space(recipe), find_table(target, recipe, threads=threads)


def load_predictor(target: str, recipe: str, threads: int = 1) -> LatencyPredictor:
    """The fitted predictor of a target and a recipe.

    Args:
        target: target name, such as ``cpu``.
        recipe: recipe name, such as ``flownas-small``.
        threads: threads that the network runs on.

    Raises:
        UnknownNameError: no such target or recipe.
        UserError: no table or no predictor, or one of another table; the message names the
            command that makes it.
        CorruptFileError: a file is truncated or edited.
    """
    return predictor_of(*load_space_and_table(target, recipe, threads))


def predictor_of(space: OperatorSpace, table: LatencyTable) -> LatencyPredictor:
    """The fitted predictor that belongs to a table.

    Args:
        space: of the table.
        table: that it was fitted to.

    Raises:
        UserError: no predictor, or one of another table; the message names the command that
            makes it.
        CorruptFileError: a file is truncated or edited.
    """
    target, recipe, threads = table.info.target, table.info.recipe, table.info.threads
    folder = predictor_folder(table)
    if not (folder / SIDECAR).exists():
        raise UserError(
            f"no predictor for '{recipe}' on '{target}' with {threads} threads; fit one with: "
            f"{refit_command(target, recipe, threads)}"
        )
    record: Any = read_json(folder / SIDECAR)
    kind = record.get("kind") if isinstance(record, dict) else None
    if not isinstance(kind, str):
        raise CorruptFileError(
            f"{folder / SIDECAR} does not say its kind of predictor; fit it again with: "
            f"{refit_command(target, recipe, threads)}"
        )
    return PREDICTORS.get(kind)(folder, table, space)
