"""Command line: measures fresh architectures and says how well they were predicted."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luts import arguments, cli

if TYPE_CHECKING:
    from predictor.metrics import Accuracy

# As in a campaign: the pace tells more than further samples.
_SAMPLES = 12
_SECONDS = 2.5
# The slowest network of a space is still timed so often; others more often.
_LEAST = 4
# Sessions beside which other processes were busy are taken again, and the last of these is kept.
_TRIES = 3
_UNSTEADY = 0.04
_UNFINISHED = Path("runs")
_THIRDS = ("fastest", "middle", "slowest")


def main(
    *,
    target: arguments.MeasuredTarget,
    recipe: arguments.UsedRecipe = "flownas-small",
    threads: arguments.NetworkThreads = 1,
    samples: Annotated[int, typer.Option(min=1, help="Fresh architectures to measure.")] = 60,
    seed: arguments.DrawsSeed = 12345,
    json_: arguments.AsJson = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the raw pairs, as JSON.", dir_okay=False)
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="File for a plot.", dir_okay=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an evaluation that was broken off.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Discard what lies there.")] = False,
    wait: arguments.Wait = 0.0,
) -> None:
    """Measures random architectures that neither table nor predictor has seen.

    Examples:
        python -m predictor.evaluate --target cpu

        python -m predictor.evaluate --target cpu --samples 100 --json --out pairs.json

        python -m predictor.evaluate --target cpu --html evaluation.html

        python -m predictor.evaluate --target cpu --recipe flownas --samples 200 --resume
    """
    import os

    # Read by the library that traces networks for export, when it loads: its idle threads must
    # not wait at barriers for the core that is being timed.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import numpy as np

    from luts.files import writable_folder, write_json
    from luts.progress import counted
    from luts.unfinished import unfinished
    from predictor.evaluation import evaluate, fresh_architectures, measuring_order
    from predictor.load import load_predictor, load_space_and_table
    from profiler.lock import device_lock
    from profiler.timing import measure_model

    space, table = load_space_and_table(target, recipe, threads)
    predictor = load_predictor(target, recipe, threads)
    for file in filter(None, (out, html)):
        writable_folder(file.parent)
    rng = np.random.default_rng(seed)
    known = {sample.vector for sample in table.networks if sample.vector is not None}
    vectors = fresh_architectures(space, known, samples, rng)

    longest_s = max(_SECONDS, _LEAST * predictor.interval_ms()[1] / 1e3)

    busy = False

    def measure(path: Path) -> tuple[float, float]:
        nonlocal busy
        for _ in range(_TRIES):
            timed = measure_model(path, target=target, threads=threads, min_samples=_SAMPLES,
                                  max_seconds=longest_s, precision=table.info.precision)
            busy = timed.disturbed
            if not busy:
                break
        return timed.median_ms, table.info.pace.slowness(timed.pace_ms)

    started = time.monotonic()
    sessions = len(measuring_order(samples, np.random.default_rng(0)))
    place = _UNFINISHED / f"evaluate-{predictor.table_identity[:12]}-{samples}-{seed}.jsonl"
    with (
        device_lock(target, wait_s=wait), unfinished(place, resume=resume, force=force) as journal,
        counted("measuring", sessions, len(journal.records)) as advance,
    ):
        earlier = [(r["latency_ms"], r["slowness"]) for r in journal.records]

        def keep(session: tuple[float, float]) -> None:
            journal.append({"latency_ms": session[0], "slowness": session[1], "disturbed": busy})
            advance()

        result = evaluate(predictor, vectors, measure, rng, earlier, keep)
        figures = result.accuracy
        about: dict[str, Any] = {
            "target": target,
            "recipe": recipe,
            "threads": threads,
            "seed": seed,
            "level": predictor.level,
            "table": predictor.table_identity,
            "machine_shift": result.machine_shift,
            "disturbed": sum(bool(record.get("disturbed")) for record in journal.records),
            "at_pace": asdict(result.accuracy_at_pace),
            "at_level": asdict(result.accuracy_at_level),
            "seconds": round(time.monotonic() - started, 1),
        }
        if out is not None:
            reference_ms = result.reference_ms.tolist()
            pairs = {"reference_ms": reference_ms, "networks": result.records()}
            write_json(out, {**asdict(figures), **about, **pairs})
        if html is not None:
            from predictor._evaluate_page import write_page

            write_page(html, result, f"{samples} fresh architectures of {recipe} on {target}")
    if abs(result.machine_shift) > _UNSTEADY:
        print(
            f"warning: the reference network takes {result.machine_shift:+.1%} against the table; "
            "the machine is not as it was when the table was measured, and the figures show that",
            file=sys.stderr,
        )
    if about["disturbed"]:
        print(
            f"warning: other processes were busy beside {about['disturbed']} of {sessions} "
            f"sessions, {_TRIES} times in a row, and the figures show that",
            file=sys.stderr,
        )
    if json_:
        print(json.dumps({**asdict(figures), **about}))
    else:
        _report(figures, about)


def _report(figures: Accuracy, about: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    views = [asdict(figures), about["at_pace"], about["at_level"]]
    rows = {
        "mean absolute error": "mape",
        "within 5 %": "within_5",
        "within 10 %": "within_10",
        "median of predicted / measured, minus 1": "bias",
        f"below the upper bound (level {about['level']:g})": "coverage",
        "upper bound above prediction": "bound_width",
        f"measured again, {figures.repeats} networks": "noise",
    }
    title = (
        f"{figures.n} fresh architectures of {about['recipe']} on {about['target']}, "
        f"{about['threads']} thread(s)"
    )
    shown = Table(title=title)
    for head in ("", "by the clock", "at pace", "at level"):
        shown.add_column(head, justify="right" if head else "left", no_wrap=not head)
    for name, key in rows.items():
        shown.add_row(name, *(f"{view[key]:.2%}" for view in views))
        if key == "coverage" and len(figures.coverage_by_third) == len(_THIRDS):
            for place, which in enumerate(_THIRDS):
                shown.add_row(f"... of the {which} third",
                              *(f"{view['coverage_by_third'][place]:.2%}" for view in views))
    Console().print(shown)
    print("at pace: with the machine as fast as for the table, by the probe; at level: by the "
          "reference, too")
    print(f"the reference network takes {about['machine_shift']:+.2%} against its table")


if __name__ == "__main__":
    cli.run(main, resumable=True)
