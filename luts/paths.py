"""Where latency tables lie, and how one is found."""

from __future__ import annotations

import os
from pathlib import Path

from luts.commands import build_command
from luts.errors import UserError
from luts.files import safe_name
from luts.table import SIDECAR, LatencyTable

ROOT_VARIABLE = "METRONAS_TABLES"


def tables_root() -> Path:
    """``$METRONAS_TABLES``, or the tables inside the installed package."""
    named = os.environ.get(ROOT_VARIABLE)
    return Path(named).expanduser() if named else Path(__file__).parent / "tables"


def table_folder(
    target: str, recipe: str, runtime: str, precision: str, batch: int, threads: int
) -> Path:
    """Folder of one table, whether it exists or not.

    Raises:
        UserError: a name holds characters that a path must not.
    """
    parts = {"recipe": recipe, "runtime": runtime, "precision": precision}
    name = "-".join(safe_name(value, what) for what, value in parts.items())
    return tables_root() / safe_name(target, "target") / f"{name}-b{batch}-t{threads}"


def known_tables(sidecar: str) -> str:
    """Folders below the root that hold a sidecar of that name, in words: ``none`` without any."""
    root = tables_root()
    found = sorted(str(path.parent.relative_to(root)) for path in root.glob(f"*/*/{sidecar}"))
    return ", ".join(found) or "none"


def find_table(
    target: str,
    recipe: str,
    *,
    threads: int | None = None,
    runtime: str | None = None,
    precision: str = "fp32",
    batch: int = 1,
    partial: bool = False,
) -> LatencyTable:
    """Loads the table of a target and recipe.

    Args:
        target: target name.
        recipe: recipe name.
        threads: threads that the network ran on; None takes the fewest measured.
        runtime: None takes the target's best runtime that has a table.
        precision: arithmetic precision.
        batch: images per inference.
        partial: whether the table of an unfinished campaign will do.

    Raises:
        UserError: there is none, or only a partial one; the message names those that exist and
            how to measure one.
        CorruptFileError: it is damaged.
    """
    from luts.target import load_target

    runtimes = [runtime] if runtime is not None else list(load_target(target).runtimes)
    for name in runtimes:
        for count in [threads] if threads is not None else _measured_threads(
            target, recipe, name, precision, batch
        ):
            folder = table_folder(target, recipe, name, precision, batch, count)
            if (folder / SIDECAR).exists():
                table = LatencyTable.load(folder)
                if not table.info.complete and not partial:
                    raise UserError(
                        f"the latency table in {folder} is partial; finish it with: "
                        f"{build_command(target, recipe, count)} --resume"
                    )
                return table
    raise UserError(
        f"no latency table of '{recipe}' on '{target}' ({precision}, batch {batch}, "
        f"{threads or 'any'} threads); there are: {known_tables(SIDECAR)}; measure one with: "
        f"{build_command(target, recipe, threads)}"
    )


def _measured_threads(
    target: str, recipe: str, runtime: str, precision: str, batch: int
) -> list[int]:
    pattern = table_folder(target, recipe, runtime, precision, batch, 0)
    stem = pattern.name.removesuffix("0")
    counts = [path.name.removeprefix(stem) for path in pattern.parent.glob(f"{stem}*")]
    return sorted(int(count) for count in counts if count.isdigit())
