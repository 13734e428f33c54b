"""Command line: what a space holds for a target, before anything is searched."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from evolution import arguments
from luts import cli


def main(
    *,
    target: arguments.Target,
    recipe: arguments.Recipe = "flownas-small",
    latency: arguments.Latency = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LIMIT", help="A further limit: memory-mib, parameters, flops or "
                     "energy-mj, such as memory-mib=20 or flops=80%. Can be repeated."),
    ] = None,
    also_target: arguments.AlsoTarget = None,
    threads: arguments.Threads = 1,
    samples: Annotated[
        int, typer.Option(min=100, help="Random architectures behind shares and medians.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    accept_estimate: arguments.AcceptEstimate = False,
    as_json: arguments.AsJson = False,
) -> None:
    """Size, latencies, feasible share and costly decisions of a space on a target.

    Latencies are predicted. Constraints that cannot be kept together are refused, with what can
    be reached.

    For instance:

        python -m evolution.space --target cpu

        python -m evolution.space --target cpu --latency 80% --limit memory-mib=20 --json
    """
    from evolution._space_view import basis, show
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
                          "latencies": "estimated" if plan.estimated else "measured",
                          "evidence": plan.evidence, **report.as_json()}, indent=2))
    else:
        show(report, target, basis(plan))


if __name__ == "__main__":
    cli.run(main)
