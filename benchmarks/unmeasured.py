"""Devices that were not measured here: laws fitted to published latencies, and their errors.

    python -m benchmarks.unmeasured judge
    python -m benchmarks.unmeasured fit        # writes the laws that the package ships

Both need the folder of public data, ``--data`` or ``$METRONAS_DATA``. What the networks there
execute is in ``benchmarks/traces.jsonl.gz``, which `python -m benchmarks.trace_networks` wrote.
"""

from __future__ import annotations

import enum
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import _arguments
from benchmarks._published import TRACES
from luts import cli
from luts.files import writable_folder, write_json


class Task(enum.StrEnum):
    """What to do."""

    judge = "judge"
    fit = "fit"


def main(
    task: Annotated[Task, typer.Argument(help="Print errors on networks left out, or fit.")],
    *,
    traces: Annotated[
        Path, typer.Option(help="Operators of the published networks.")
    ] = TRACES,
    data: _arguments.PublicData = None,
    out: Annotated[Path, typer.Option(help="JSON file of all figures.")] = Path(
        "runs/unmeasured.json"),
    laws: Annotated[
        Path | None, typer.Option(help="File of the laws; default: the package's.")
    ] = None,
) -> None:
    """Judges, or fits, the laws behind estimates of devices that were not measured."""
    from benchmarks._book import make_book
    from benchmarks._evidence import Evidence
    from benchmarks._public import data_folder
    from benchmarks._unmeasured import judge
    from predictor.unmeasured.record import LAWS

    started = time.monotonic()
    evidence = Evidence.read(data_folder(data), traces)
    if task is Task.judge:
        writable_folder(out.parent)
        found = judge(evidence)
        write_json(out, found)
    else:
        path = laws or LAWS
        writable_folder(path.parent)
        make_book(evidence).write(path)
        print(f"wrote {path}")
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    cli.run(main)
