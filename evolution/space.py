"""Command line: what a space holds for a target, before anything is searched."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from luts import cli


def main(
    *,
    target: Annotated[str, typer.Option(help="Target, such as cpu.")],
    recipe: Annotated[str, typer.Option(help="Recipe of the space.")] = "flownas-small",
    latency: Annotated[
        str | None,
        typer.Option(metavar="BUDGET", help="Budget relative to the reference's predicted latency "
                     "(80%) or absolute (45ms). Default: the recipe's."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LIMIT", help="A further limit: memory-mib, parameters, flops or "
                     "energy-mj, such as memory-mib=20 or flops=80%. Can be repeated."),
    ] = None,
    also_target: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@THREADS][:BUDGET]", help="A further target, such as "
                     "cpu@2:80%. Can be repeated."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads that the network runs on.")] = 1,
    samples: Annotated[
        int, typer.Option(min=100, help="Random architectures behind shares and medians.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    accept_estimate: Annotated[
        bool, typer.Option("--accept-estimate",
                           help="Take a target on which nothing was ever measured.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead.")
    ] = False,
) -> None:
    """Size, latencies, feasible share and costly decisions of a space on a target.

    Latencies are predicted. Constraints that cannot be kept together are refused, with what can
    be reached.

    For instance:

        python -m evolution.space --target cpu

        python -m evolution.space --target cpu --latency 80% --limit memory-mib=20 --json
    """
    from evolution._space_view import show
    from evolution.budget import QUANTITIES
    from evolution.options import Options
    from evolution.prepare import prepare_parts
    from evolution.space_report import report_space
    from luts.errors import UserError

    limits = {}
    for text in limit or ():
        name, equals, amount = text.partition("=")
        if not equals or name.replace("-", "_") not in QUANTITIES:
            known = ", ".join(key.replace("_", "-") for key in QUANTITIES)
            raise UserError(f"--limit '{text}' is no limit; give NAME=LIMIT such as memory-mib=20; "
                            f"names: {known}")
        limits[name.replace("-", "_")] = amount
    options = Options(target, recipe, latency, threads=threads, accept_estimate=accept_estimate,
                      limits=limits, also=tuple(also_target or ()))
    plan = prepare_parts(options)
    report = report_space(plan.space, plan.predictor, plan.requirements, samples=samples,
                          seed=seed)
    if as_json:
        print(json.dumps({"target": target, "recipe": recipe, "table": plan.settings.table,
                          **report.as_json()}, indent=2))
    else:
        show(report, target)


if __name__ == "__main__":
    cli.run(main)
