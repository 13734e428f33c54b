"""Command line: fits the predictor of a measured table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luts import arguments, cli

if TYPE_CHECKING:
    from pathlib import Path

    from predictor.network import NetworkPredictor


def main(
    *,
    target: Annotated[str, typer.Option(help="Target whose table is used, such as cpu.")],
    recipe: arguments.UsedRecipe = "flownas-small",
    threads: Annotated[int, typer.Option(min=1, help="Threads that the network ran on.")] = 1,
    level: arguments.Level = 0.95,
    seed: arguments.EverySeed = 0,
    accept_drift: Annotated[
        bool, typer.Option("--accept-drift", help="Take a table of a device that drifted.")
    ] = False,
) -> None:
    """Fits table sum, learned correction and upper bound; saves them beside the table.

    Examples:
        python -m predictor.fit --target cpu

        python -m predictor.fit --target cpu --threads 2 --level 0.99
    """
    from predictor.load import load_space_and_table, predictor_folder
    from predictor.network import NetworkPredictor

    space, table = load_space_and_table(target, recipe, threads)
    fitted = NetworkPredictor.fit(space, table, level=level, seed=seed, accept_drift=accept_drift)
    folder = predictor_folder(table)
    fitted.save(folder)
    _report(fitted, folder)


def _report(fitted: NetworkPredictor, folder: Path) -> None:
    from math import expm1

    from rich.console import Console
    from rich.table import Table

    from predictor.conformal import coverage_range

    record, quality = fitted.record, fitted.record.quality
    low, high = fitted.interval_ms()
    fewest, most = coverage_range(quality.networks, record.level)
    least = float(fitted.predict(fitted.fastest()[None]).upper_ms[0])
    rows = {
        "networks": f"{record.networks}, of which {quality.networks} drawn uniformly",
        "method": f"table sum x exp({record.method})",
        "error on unseen networks": f"{quality.mape:.2%} MAPE (table sum alone "
        f"{quality.sum_mape:.2%}), {quality.within_5:.0%} within 5 %, "
        f"{quality.within_10:.0%} within 10 %",
        "upper bound": f"prediction {expm1(record.margin):+.2%} at level {record.level:g}, of "
        f"which {expm1(record.speed_margin):.2%} for the slowest speed that this machine showed",
        "its coverage": f"from {quality.networks} networks, nine such bounds of ten cover "
        f"{fewest:.1%} to {most:.1%}; more --networks narrow that",
        "architectures take": f"{low:.3f} to {high:.3f} ms; least budget {least:.3f} ms",
        "table": record.table_identity[:12],
        "saved to": str(folder),
    }
    shown = Table(title=f"predictor of {record.recipe} on {record.target}", show_header=False)
    for name, value in rows.items():
        shown.add_row(name, value)
    Console().print(shown)


if __name__ == "__main__":
    cli.run(main)
