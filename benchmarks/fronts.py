"""How much of a known Pareto front searches find with few evaluations.

    python -m benchmarks.fronts --data PUBLIC --seeds 10

NAS-Bench-201 (accuracy on CIFAR-100), every network trained, latency on several devices. The range
goes from the 10th to the 75th percentile of latency. A search is worth the hypervolume of what it
evaluated (latency and error, below the upper end and the median error there), as a share of that of
all networks. What was searched is kept beside the file, and ``--resume`` goes on with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._known_front import KnownFront
from benchmarks._public import data_folder
from benchmarks._resumed import opened
from benchmarks.strategies import DEVICES
from luts import cli
from luts.errors import UserError
from luts.files import write_json

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "front": ("front", {}),
    "nsga2, population 20": ("nsga2", {"population": 20}),
    "nsga2, population 40": ("nsga2", {}),
    "joint, upper end only": ("joint", {}),
    "random": ("random", {}),
}


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Device, of {', '.join(DEVICES)}; repeat.")
    ] = None,
    data: _arguments.PublicData = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each method and device.")] = 10,
    evaluations: Annotated[int, typer.Option(min=10, help="Of each search.")] = 100,
    out: _arguments.JsonFile = Path("runs/fronts.json"),
    resume: _arguments.Resume = False,
) -> None:
    """Share of the known front's hypervolume, median over seeds, half way and at the end."""
    from evolution.tabular.nb201 import nb201

    devices = tuple(only or DEVICES)
    unknown = [name for name in devices if name not in DEVICES]
    if unknown:
        raise UserError(f"no device '{unknown[0]}'; there are: {', '.join(DEVICES)}")
    problem = nb201(data_folder(data) / "nb201")
    journal, _ = opened(out.with_suffix(".jsonl"), {"evaluations": evaluations}, resume=resume)
    known = {(r["device"], r["method"], r["seed"]): r["shares"] for r in journal.records[1:]}
    rows: dict[str, dict[str, list[list[float]]]] = {}
    for device in devices:
        front = KnownFront.of(problem, device)
        for name, method in METHODS.items():
            for seed in range(seeds):
                if (device, name, seed) not in known:
                    found = front.shares(*method, seed, evaluations)
                    known[device, name, seed] = found
                    journal.append({"device": device, "method": name, "seed": seed,
                                    "shares": found})
            print(f"{device}, {name}: done", flush=True)
        rows[device] = {name: [known[device, name, seed] for seed in range(seeds)]
                        for name in METHODS}
    write_json(out, {"seeds": seeds, "evaluations": evaluations, "shares": rows})
    _show(rows, evaluations)


def _show(rows: dict[str, dict[str, list[list[float]]]], evaluations: int) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=f"share of the front's hypervolume after {evaluations // 2} / "
                        f"{evaluations} evaluations, median over seeds")
    shown.add_column("device")
    for name in METHODS:
        shown.add_column(name, justify="right")
    for device, methods in rows.items():
        cells = []
        for values in methods.values():
            half, whole = np.median(np.array(values), axis=0)
            cells.append(f"{half:.3f} / {whole:.3f}")
        shown.add_row(device, *cells)
    Console(width=120).print(shown)


if __name__ == "__main__":
    cli.run(main, resumable=True)
