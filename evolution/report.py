"""Command line: writes the report of a finished run again, from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luts import cli

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


def main(run: Annotated[Path, typer.Argument(help="Folder of a finished run.")]) -> None:
    """Writes the report of a finished run again.

    Example: python -m evolution.report runs/quickstart
    """
    print(write_report(run))


if __name__ == "__main__":
    cli.run(main)
