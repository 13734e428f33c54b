"""How many architectures a second are predicted, with upper bounds.

    python -m benchmarks.population --target cpu

Populations of index vectors go through the predictor in one call. Beside it, in turns: a loop that
sums a dictionary layer by layer, with the keys built from each layer's configuration as
once-for-all does, and the same loop with all keys built before, which leaves look-ups and additions
alone. The loops sum latencies only; they give no bound and no correction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.files import writable_folder, write_json


def main(
    target: _arguments.PredictorTarget = "cpu",
    recipe: arguments.Recipe = "flownas-small",
    population: Annotated[int, typer.Option(min=100, help="Architectures in one call.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, each with all methods.")] = 15,
    seed: arguments.DrawsSeed = 0,
    out: _arguments.JsonFile = Path("runs/population.json"),
) -> None:
    """Architectures a second: predictor, and loops over a dictionary."""
    from rich.console import Console
    from rich.table import Table

    from predictor.load import load_predictor, load_space_and_table

    writable_folder(out.parent)
    space, table = load_space_and_table(target, recipe)
    predictor = load_predictor(target, recipe)
    rng = np.random.default_rng(seed)
    few = max(20, population // 100)
    lut = {row.operator.key: row.latency_ms for row in table.rows}
    layers = [[[(item.operator.key, item.repeats) for item in space.lower_factor(factor, choices)]
               for choices in space.factor_choices(factor)] for factor in space.factors]
    methods: dict[str, tuple[int, Callable[[Any], object]]] = {
        "predictor": (population, predictor.predict),
        "dictionary, keys built": (few, lambda v: [_key_by_key(space, lut, one) for one in v]),
        "dictionary, keys known": (population // 10, lambda v: _known(space, layers, lut, v)),
    }
    rates: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, (count, method) in methods.items():
            vectors = space.sample(rng, count)
            start = time.perf_counter()
            method(vectors)
            rates[name].append(count / (time.perf_counter() - start))
    found = {name: float(np.median(values)) for name, values in rates.items()}
    shown = Table(title=f"architectures a second, median of {rounds} rounds in turns")
    for title in ("method", "architectures / s", "predictor is faster by"):
        shown.add_column(title, justify="right" if title != "method" else "left")
    for name, rate in found.items():
        shown.add_row(name, f"{rate:,.0f}", f"{found['predictor'] / rate:.1f}")
    Console().print(shown)
    write_json(out, {"population": population, "rounds": rounds, "per_second": found,
                     "table": table.identity, "recipe": recipe})


def _key_by_key(space: Any, lut: dict[str, float], vector: Any) -> float:
    total = 0.0
    for item in space.lower(space.decode(vector)):
        total += lut[item.operator.key] * item.repeats
    return total


def _known(space: Any, layers: list[Any], lut: dict[str, float], vectors: Any) -> list[float]:
    rows = [space.factor_rows(factor, vectors).tolist() for factor in space.factors]
    totals = []
    for index in range(len(vectors)):
        total = 0.0
        for factor, own in zip(layers, rows, strict=True):
            for key, repeats in factor[own[index]]:
                total += lut[key] * repeats
        totals.append(total)
    return totals


if __name__ == "__main__":
    cli.run(main)
