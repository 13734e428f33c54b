"""How fast a search proposes, when accuracy costs nothing.

    python -m benchmarks.search_speed --target cpu

Population 100, 500 generations, a latency limit: the setting in which once-for-all's evolutionary
search is published with 9.84 s. Every child is checked against the upper bound of the target's
predictor, and none is proposed twice. Accuracy is a random linear score of choices, which costs
next to nothing. Strategies run in turns, so that a machine that slows down slows all of them down.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.files import writable_folder, write_json

PUBLISHED_SECONDS = 9.84
SETTINGS: dict[str, dict[str, Any]] = {
    "children repaired": {"repair": True},
    "children drawn again": {},
}


def main(
    target: _arguments.PredictorTarget = "cpu",
    recipe: arguments.Recipe = "flownas-small",
    budget: Annotated[
        float, typer.Option(min=0, max=1, help="Limit between the fastest (0) and slowest (1).")
    ] = 0.3,
    population: Annotated[int, typer.Option(min=4, help="Children of a generation.")] = 100,
    generations: Annotated[int, typer.Option(min=2, help="Generations.")] = 500,
    tries: Annotated[
        int, typer.Option(min=1, help="Draws for each child; random networks fill the rest.")
    ] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Searches of each kind.")] = 3,
    out: _arguments.JsonFile = Path("runs/search_speed.json"),
) -> None:
    """Seconds of a search and accepted candidates a second, median of rounds in turns."""
    from rich.console import Console
    from rich.table import Table

    from evolution.constraint import LatencyConstraint
    from evolution.feasibility import feasible_region
    from evolution.requirements import LatencyRequirement
    from evolution.strategies.evolution import Evolution, EvolutionSettings
    from predictor.load import load_predictor

    writable_folder(out.parent)
    predictor = load_predictor(target, recipe)
    ends = np.stack([predictor.fastest(), predictor.slowest()])
    low, high = predictor.predict(ends).upper_ms
    limit_ms = float(low + budget * (high - low))
    latency = LatencyConstraint(predictor, limit_ms, label=target)
    seconds: dict[str, list[float]] = {name: [] for name in SETTINGS}
    accepted: dict[str, list[int]] = {name: [] for name in SETTINGS}
    for seed in range(rounds):
        effects = np.random.default_rng(seed).normal(size=(len(predictor.space.decisions), 64))
        for name, given in SETTINGS.items():
            half = population // 2
            settings = EvolutionSettings(
                preset="once-for-all", population=population, generations=generations,
                parents=max(2, population // 4), mutations=half, crossovers=population - half,
                tries=tries, **given,
            )
            began = time.perf_counter()
            region = feasible_region(predictor.space, [LatencyRequirement(latency)])
            strategy = Evolution(region, settings, seed)
            count = 0
            for _ in range(generations):
                vectors = strategy.ask(strategy.batch)
                fitness = np.take_along_axis(effects, vectors.T, axis=1).sum(axis=0)
                strategy.tell(vectors, fitness)
                count += len(vectors)
            seconds[name].append(time.perf_counter() - began)
            accepted[name].append(count)
            assert (predictor.predict(vectors).upper_ms <= limit_ms).all()
    rows: dict[str, dict[str, Any]] = {
        name: {"seconds": float(np.median(seconds[name])), "accepted": accepted[name],
               "per_second": float(np.median(np.divide(accepted[name], seconds[name])))}
        for name in SETTINGS
    }
    shown = Table(title=f"{population} x {generations}, at most {limit_ms:.3f} ms, median of "
                        f"{rounds} rounds")
    for title in ("search", "seconds", "accepted / s", f"published {PUBLISHED_SECONDS} s over it"):
        shown.add_column(title, justify="right" if title != "search" else "left")
    for name, row in rows.items():
        shown.add_row(name, f"{row['seconds']:.2f}", f"{row['per_second']:,.0f}",
                      f"{PUBLISHED_SECONDS / row['seconds']:.1f}")
    Console().print(shown)
    write_json(out, {"target": target, "recipe": recipe, "limit_ms": limit_ms, "rounds": rounds,
                     "population": population, "generations": generations, "tries": tries,
                     "searches": rows, "table": predictor.table_identity})


if __name__ == "__main__":
    cli.run(main)
