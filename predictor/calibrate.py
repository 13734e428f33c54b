"""Command line: adapts a latency table to another condition by a few measured networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luts import arguments, cli

if TYPE_CHECKING:
    from predictor._calibration_run import Calibrated


def main(
    *,
    target: arguments.MeasuredTarget,
    recipe: arguments.UsedRecipe = "flownas-small",
    samples: Annotated[int, typer.Option(min=5, help="Whole networks to measure.")] = 20,
    threads: Annotated[int, typer.Option(min=1, help="Threads, under the new condition.")] = 1,
    runtime: Annotated[
        str | None, typer.Option(help="What executes them. Default: the target's best.")
    ] = None,
    precision: arguments.Precision = "fp32",
    batch: arguments.Batch = 1,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder of the table to adapt. Default: the target's own with "
                     "the fewest threads."),
    ] = None,
    level: arguments.Level = 0.95,
    seed: arguments.DrawsSeed = 0,
    against: Annotated[
        Path | None,
        typer.Option(help="Folder of a full table of the new condition, to judge by its networks."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the adapted table. Default: where searches look.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the table that lies there.")]
    = False,
    json_: arguments.AsJson = False,
    wait: arguments.Wait = 0.0,
) -> None:
    """Adapts a table to other threads, batch, runtime, driver, or to a similar device.

    Measures a few random networks, learns factors on groups of operators from them, and saves a
    table with a predictor, for minutes instead of a campaign. Says what it gained.

    Examples:
        python -m predictor.calibrate --target cpu --threads 2

        python -m predictor.calibrate --target cpu --samples 30 --from luts/tables/cpu/OLD --force
    """
    import json

    from predictor._calibration_run import calibrate

    found = calibrate(
        target=target, recipe=recipe, samples=samples, threads=threads, runtime=runtime,
        precision=precision, batch=batch, source=source, level=level, seed=seed, against=against,
        out=out, force=force, wait_s=wait,
    )
    print(json.dumps(found.as_json(), allow_nan=False)) if json_ else _show(found)


def _show(found: Calibrated) -> None:
    from math import expm1

    from rich.console import Console
    from rich.table import Table

    facts = found.facts
    shown = Table(title=f"{facts['source']} adapted by {facts['samples']} networks")
    heads = ["", "on these networks, each unseen"]
    if found.judged:
        heads.append(f"on {found.judged['networks']} networks of the full campaign")
    for head in heads:
        shown.add_column(head, justify="right" if head else "left")
    for name, error in found.errors.items():
        cells = [f"{error:.2%}"]
        if found.judged:
            cells.append(f"{found.judged[name]:.2%}")
        shown.add_row(name, *cells)
    if found.judged:
        shown.add_row("a full campaign's predictor", "", f"{found.judged['full campaign']:.2%}")
    console = Console()
    console.print(shown)
    rows: dict[str, Any] = {
        "groups": f"{facts['grouping']}, {facts['groups']} of them",
        "upper bound": f"prediction {expm1(facts['margin']):+.2%} at level {facts['level']:g}",
        "time": f"{facts['seconds']:.0f} s",
        "saved to": facts["folder"],
    }
    for name, value in rows.items():
        console.print(f"{name}: {value}", highlight=False, markup=False)


if __name__ == "__main__":
    cli.run(main)
