"""Command line: writes the report of a finished run again, or compares runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from luts import cli
from luts.errors import UserError

REPORT = "report.html"


def write_report(folder: Path) -> Path:
    """Writes ``report.html`` into a run folder.

    Args:
        folder: a finished run.

    Returns:
        The file.

    Raises:
        UserError: the folder holds no finished run.
        CorruptFileError: one of its files is damaged.
    """
    from evolution.reporting.page import render
    from evolution.reporting.story import read_story
    from luts.files import atomic_path

    page = render(read_story(folder))
    with atomic_path(folder / REPORT) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return folder / REPORT


def main(
    run: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Page that compares several runs. Default: comparison.html."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a comparison as JSON.")
    ] = False,
) -> None:
    """Writes the report of a finished run again, or compares several runs.

    Of several runs it prints a table (tab-separated where that is no terminal) and writes a page
    with their budgets, latencies, scores and progress.

    For instance:

        python -m evolution.report runs/quickstart

        python -m evolution.report runs/seed0 runs/seed1 --out runs/seeds.html

        python -m evolution.report runs/* --json
    """
    if len(run) > 1:
        _compare(run, out or Path("comparison.html"), as_json=as_json)
        return
    for option, given in (("--out", out is not None), ("--json", as_json)):
        if given:
            raise UserError(f"{option} is for a comparison; name at least two runs, not only "
                            f"'{run[0]}'")
    print(write_report(run[0]))


def _compare(folders: list[Path], out: Path, *, as_json: bool) -> None:
    from evolution.reporting.comparing import read_runs
    from evolution.reporting.comparison import cells, columns, render
    from luts.files import atomic_path, writable_folder

    runs = read_runs(folders)
    if out.is_dir():
        raise UserError(f"--out '{out}' is a folder; give a file such as {out / 'comparison.html'}")
    writable_folder(out.parent)
    with atomic_path(out) as temporary:
        temporary.write_text(render(runs), encoding="utf-8")
    names = columns(runs)
    if as_json:
        print(json.dumps([run.row() for run in runs], indent=2, allow_nan=False))
    elif not sys.stdout.isatty():
        for line in (names, *(cells(run, names) for run in runs)):
            print("\t".join(line))
    else:
        _show(names, [cells(run, names, "-") for run in runs])
    print(f"compared on {out}", file=sys.stderr)


def _show(names: list[str], rows: list[list[str]]) -> None:
    """One column a run: runs have more figures than a terminal is wide."""
    from rich.console import Console
    from rich.table import Table

    shown = Table()
    for place, title in enumerate((names[0], *(row[0] for row in rows))):
        shown.add_column(title, justify="right" if place else "left")
    for place, name in enumerate(names[1:], start=1):
        shown.add_row(name, *(row[place] for row in rows))
    Console().print(shown)


if __name__ == "__main__":
    cli.run(main)
