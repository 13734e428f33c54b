"""How much of a known Pareto front searches find with few evaluations.

    python -m benchmarks.fronts --data ../shared/data --seeds 10

NAS-Bench-201 (accuracy on CIFAR-100), every network trained, latency on several devices. The range
goes from the 10th to the 75th percentile of latency. A search is worth the hypervolume of what it
evaluated (latency and error, below the upper end and the median error there), as a share of that of
all networks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks._public import data_folder
from benchmarks.strategies import DEVICES
from luts import cli
from luts.errors import UserError
from luts.files import writable_folder, write_json

LOW, HIGH = 10, 75
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
    data: Annotated[Path | None, typer.Option(help="Folder of the public data.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each method and device.")] = 10,
    evaluations: Annotated[int, typer.Option(min=10, help="Of each search.")] = 100,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/fronts.json"),
) -> None:
    """Share of the known front's hypervolume, median over seeds, half way and at the end."""
    from evolution.tabular.nb201 import nb201

    devices = tuple(only or DEVICES)
    unknown = [name for name in devices if name not in DEVICES]
    if unknown:
        raise UserError(f"no device '{unknown[0]}'; there are: {', '.join(DEVICES)}")
    problem = nb201(data_folder(data) / "nb201")
    writable_folder(out.parent)
    rows: dict[str, dict[str, list[list[float]]]] = {}
    for device in devices:
        rows[device] = {name: [share(problem, device, *method, seed, evaluations)
                               for seed in range(seeds)]
                        for name, method in METHODS.items()}
        print(f"{device} done", flush=True)
    write_json(out, {"seeds": seeds, "evaluations": evaluations, "shares": rows})
    _show(rows, evaluations)


def share(
    problem: Any, device: str, name: str, options: dict[str, Any], seed: int, evaluations: int
) -> list[float]:
    """Share of the front's hypervolume after half of the evaluations and after all.

    Args:
        problem: `evolution.tabular.problem.TabularProblem`.
        device: one of its costs.
        name: a strategy.
        options: of the strategy; the range is added where it takes one.
        seed: of the search.
        evaluations: of the search.
    """
    from evolution.pareto import hypervolume, ranks
    from evolution.strategies.base import STRATEGIES

    low, high = np.percentile(problem.costs[device], [LOW, HIGH])
    region = problem.region(device, float(high))
    made: Any = STRATEGIES.get(name)
    options = {**options, "low": float(low / high)} if name == "front" else options
    strategy = made(region, made.Settings(**options), seed)

    def points(vectors: Any) -> Any:
        return np.column_stack([problem.costs[device][problem.space.rows(vectors)],
                                100 - problem.accuracy_of(vectors)])

    everything = points(region.everything())
    worst = np.array([high, np.median(everything[:, 1])])
    best = everything[(everything < worst).all(axis=1)]
    # What is not on the front of its part cannot be on that of all; all at once takes long.
    parts = np.array_split(best, max(1, len(best) // 500))
    best = np.concatenate([part[ranks(part) == 0] for part in parts])
    full = hypervolume(best[ranks(best) == 0], worst)
    met, found = np.empty((0, 2)), []
    while len(met) < evaluations:
        vectors = strategy.ask(min(strategy.batch, evaluations - len(met)))
        if not len(vectors):
            break
        new = points(vectors)
        told = new[:, 1] if len(strategy.objectives) == 1 else new[:, ::-1]
        strategy.tell(vectors, told)
        met = np.concatenate([met, new])
    for count in (evaluations // 2, evaluations):
        found.append(hypervolume(met[:count], worst) / full)
    return found


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
    cli.run(main)
