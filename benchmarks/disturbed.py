"""What a campaign makes of a machine on which another program works in bursts.

    python -m benchmarks.disturbed --networks 60 --busy-s 2 --idle-s 5

Runs the same campaign twice: alone, and beside a program that copies memory on another core for
some seconds at a time. Prints the verdicts, how many samples were discarded, and how far the second
table lies from the first.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.files import write_json

if TYPE_CHECKING:
    from luts.table import LatencyTable

_STRESS = """
import sys, time
import numpy as np
busy_s, idle_s = map(float, sys.argv[1:])
block = np.zeros(1 << 23)
while True:
    end = time.monotonic() + busy_s
    while time.monotonic() < end:
        block[:] = block[::-1] + 1
    time.sleep(idle_s)
"""


def main(
    recipe: arguments.MeasuredRecipe = "flownas-small",
    networks: Annotated[int, typer.Option(min=4, help="Networks of each campaign.")] = 60,
    busy_s: Annotated[float, typer.Option(min=0.01, help="Length of a burst.")] = 2.0,
    idle_s: Annotated[float, typer.Option(min=0.0, help="Pause between bursts.")] = 5.0,
    processes: Annotated[int, typer.Option(min=1, help="Programs that work in bursts.")] = 1,
    out: _arguments.JsonFile = Path("runs/disturbed.json"),
) -> None:
    """The same campaign alone and beside a program that works in bursts."""
    with tempfile.TemporaryDirectory() as name:
        alone, seconds_alone = _campaign(recipe, networks, Path(name) / "alone")
        with _bursts(processes, busy_s, idle_s):
            beside, seconds_beside = _campaign(recipe, networks, Path(name) / "beside")
    found = {
        "alone": _facts(alone, seconds_alone), "beside": _facts(beside, seconds_beside),
        "networks": _differences([s.latency_ms for s in _by_vector(alone)],
                                 [s.latency_ms for s in _by_vector(beside)]),
        "operators": _differences([row.latency_ms for row in alone.rows],
                                  [row.latency_ms for row in beside.rows]),
        "busy_s": busy_s, "idle_s": idle_s, "processes": processes,
    }
    _show(found)
    write_json(out, found)


def _campaign(recipe: str, networks: int, folder: Path) -> tuple[LatencyTable, float]:
    from luts.spaces import load_space
    from profiler._display import progress
    from profiler.campaign import Campaign
    from profiler.plan import make_plan
    from profiler.timing import runtime_for

    space = load_space(recipe)
    plan = make_plan(space, networks=networks, partial=True)
    start = time.monotonic()
    with progress() as report:
        table = Campaign(space, plan, runtime_for("cpu"), folder).run(report=report)
    return table, time.monotonic() - start


@contextmanager
def _bursts(processes: int, busy_s: float, idle_s: float) -> Iterator[None]:
    command = [sys.executable, "-c", _STRESS, str(busy_s), str(idle_s)]
    stress = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in stress:
            process.kill()
            process.wait()


def _by_vector(table: LatencyTable) -> list[Any]:
    return sorted(table.networks, key=lambda sample: str(sample.vector))


def _facts(table: LatencyTable, seconds: float) -> dict[str, Any]:
    drift = table.info.drift
    return {
        "verdict": drift.verdict, "problem": drift.problem, "noise": table.info.noise,
        "seconds": seconds,
        "movement": drift.movement, "disturbed": drift.disturbed,
        "discarded": sum(sample.discarded for sample in table.networks),
        "samples": sum(sample.samples for sample in table.networks),
    }


def _differences(first: list[float], second: list[float]) -> dict[str, float]:
    ratio = np.array(second) / np.array(first)
    level = float(np.median(ratio))
    return {
        "speed": level, "median": float(np.median(np.abs(ratio - 1))),
        "p90": float(np.percentile(np.abs(ratio - 1), 90)),
        "p90_at_one_speed": float(np.percentile(np.abs(ratio / level - 1), 90)),
    }


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title="one campaign, alone and beside a program that works in bursts")
    for title in ("", "alone", "beside"):
        shown.add_column(title)
    for name in found["alone"]:
        shown.add_row(name, *(_text(found[which][name]) for which in ("alone", "beside")))
    for name in ("networks", "operators"):
        for key, value in found[name].items():
            shown.add_row(f"{name}: {key}", "", _text(value))
    Console().print(shown)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    cli.run(main)
