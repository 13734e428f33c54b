"""How many evaluations searches need to come close to a constrained optimum that is known.

    python -m benchmarks.strategies --data PUBLIC
    python -m benchmarks.strategies --only nb201 --seeds 10 --without pymoo
    python -m benchmarks.strategies --resume

Tables of whole spaces, every network trained: NAS-Bench-201 (accuracy on CIFAR-100) under latency
limits of six devices, and NAS-Bench-Macro under limits of FLOPs. The limits are the 25th and the
50th percentile of all networks. A search has arrived when it has evaluated a network whose accuracy
is within 0.25 points of the best that the limit allows. ``--resume`` goes on with the file that an
interrupted run left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments, _rivals
from benchmarks._public import data_folder
from luts import cli
from luts.errors import UserError
from luts.files import read_json, writable_folder, write_json

DEVICES = ("titan_rtx_32", "gold_6226", "raspi4", "eyeriss", "fpga", "pixel3")
PERCENTILES = (25, 50)
GOAL = 0.25
SPACES = ("nb201", "nasbench_macro")
OURS = "joint"
# Searches after which an interrupted run is sure to go on.
_KEEP = 10

Method = Callable[[Any, Any, float, int, int], int | None]


def _strategy(name: str, **settings: Any) -> Method:
    def run(problem: Any, region: Any, goal: float, seed: int, most: int) -> int | None:
        from evolution.strategies.base import STRATEGIES

        made = STRATEGIES.get(name)
        strategy = made(region, made.Settings(**settings), seed)  # type: ignore[attr-defined]
        done = 0
        while done < most:
            vectors = strategy.ask(min(strategy.batch, most - done))
            if not len(vectors):
                break
            accuracy = problem.accuracy_of(vectors)
            arrived = np.flatnonzero(accuracy >= goal)
            if arrived.size:
                return done + int(arrived[0]) + 1
            costs = [region.limits[0].use(vectors)] * (len(strategy.objectives) - 1)
            strategy.tell(vectors, np.column_stack([-accuracy, *costs]))
            done += len(vectors)
        return None

    return run


def _rival(search: Callable[..., int | None], *settings: int) -> Method:
    def run(problem: Any, region: Any, goal: float, seed: int, most: int) -> int | None:
        return search(_rivals.Table(problem, region, goal, most), seed, *settings)

    return run


METHODS: dict[str, Method] = {
    "joint (default)": _strategy(OURS),
    "joint, no seeds": _strategy(OURS, seeds=0),
    "exact": _strategy("exact"),
    "evolution, FlowNAS": _strategy("evolution"),
    "nsga2": _strategy("nsga2"),
    "random": _rival(_rivals.random_search),
    "regularised evolution 100/25": _rival(_rivals.regularised_evolution, 100, 25),
    "regularised evolution 10/3": _rival(_rivals.regularised_evolution, 10, 3),
    "once-for-all evolution": _strategy("evolution", preset="once-for-all"),
    "pymoo NSGA-II 100": _rival(_rivals.pymoo_nsga2, 100),
    "pymoo NSGA-II 20": _rival(_rivals.pymoo_nsga2, 20),
}
OTHERS = ("random", "regularised", "once-for-all", "pymoo")


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Space to search, of {', '.join(SPACES)}; repeat.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave out methods whose name begins so; repeat.")
    ] = None,
    data: _arguments.PublicData = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each method and limit.")] = 50,
    most: Annotated[int, typer.Option(min=10, help="Evaluations after which one gives up.")] = 2000,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the file of an interrupted run.")
    ] = False,
    out: _arguments.JsonFile = Path("runs/strategies.json"),
) -> None:
    """Evaluations until close to the optimum: median and 90th percentile over seeds."""
    spaces = tuple(only) if only else SPACES
    for name in spaces:
        if name not in SPACES:
            raise UserError(f"no space '{name}'; there are: {', '.join(SPACES)}")
    methods = {name: method for name, method in METHODS.items()
               if not name.startswith(tuple(without or ()))}
    folder = data_folder(data)
    writable_folder(out.parent)
    settings = {"seeds": seeds, "most": most, "goal": GOAL}
    found: dict[str, Any] = {"settings": settings, "counts": {}}
    if resume and out.exists():
        found = read_json(out)
        if found.get("settings") != settings:
            raise UserError(f"--resume: '{out}' was made with {found.get('settings')}, now "
                            f"{settings}; repeat its options or choose another --out")
    if any(name.startswith("pymoo") for name in methods):
        _rivals.load_pymoo()
    for title, problem, region in _problems(folder, spaces):
        counts = found["counts"].setdefault(title, {})
        goal = problem.optimum(region) - GOAL
        for name, method in methods.items():
            done = counts.setdefault(name, [])
            began = time.monotonic()
            while len(done) < seeds:
                done.append(method(problem, region, goal, len(done), most))
                if len(done) % _KEEP == 0 or len(done) == seeds:
                    write_json(out, found)
                if len(done) == seeds:
                    print(f"{title}, {name}: {time.monotonic() - began:.1f} s", flush=True)
    found["summary"] = _summary(found["counts"], most)
    write_json(out, found)
    _show(found["summary"], most)


def _problems(folder: Path, spaces: tuple[str, ...]) -> list[tuple[str, Any, Any]]:
    from evolution.tabular.nasbench_macro import nasbench_macro
    from evolution.tabular.nb201 import nb201

    listed = []
    for name, read, costs in (("nb201", nb201, DEVICES),
                              ("nasbench_macro", nasbench_macro, ("flops",))):
        if name not in spaces:
            continue
        problem = read(folder / name)
        for cost in costs:
            for share in PERCENTILES:
                listed.append((f"{name} {cost} {share} %", problem,
                               problem.percentile(cost, share)))
    return listed


def _summary(counts: dict[str, Any], most: int) -> dict[str, Any]:
    """Median and 90th percentile per problem and method; searches that gave up count as most + 1.

    ``share`` is our median over that of the best other.
    """
    rows: dict[str, Any] = {}
    for title, methods in counts.items():
        row: dict[str, Any] = {}
        for name, values in methods.items():
            full = [most + 1 if value is None else value for value in values]
            row[name] = {"median": float(np.median(full)), "p90": float(np.percentile(full, 90)),
                         "gave_up": sum(value is None for value in values)}
        others = [row[name]["median"] for name in row if name.startswith(OTHERS)]
        ours = next((row[name] for name in row if name.startswith(OURS)), None)
        share = ours["median"] / min(others) if ours and others else None
        rows[title] = {"methods": row, "share": share}
    return rows


def _show(summary: dict[str, Any], most: int) -> None:
    from rich.console import Console
    from rich.table import Table

    names = list(dict.fromkeys(name for row in summary.values() for name in row["methods"]))
    shown = Table(title=f"evaluations until within {GOAL} points: median / 90th percentile")
    shown.add_column("limit")
    for name in (*names, "ours / best other"):
        shown.add_column(name, justify="right")

    def text(value: float) -> str:
        return f">{most}" if value > most else f"{value:.0f}"

    for title, row in summary.items():
        cells = [f"{text(m['median'])} / {text(m['p90'])}" if (m := row["methods"].get(name))
                 else "-" for name in names]
        share = "-" if row["share"] is None else f"{row['share']:.2f}"
        shown.add_row(title, *cells, share)
    console = Console(width=max(Console().width, 24 + 18 * (len(names) + 1)))
    console.print(shown)


if __name__ == "__main__":
    cli.run(main)
