"""Command line: measures the operators of a recipe's space on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luts import arguments, cli

if TYPE_CHECKING:
    from luts.space import OperatorSpace
    from profiler.plan import Plan
    from profiler.runtimes import Runtime
    from profiler.settings import Settings


def main(
    *,
    device: Annotated[str, typer.Option(help="Device to measure: cpu, or cuda:0.")],
    recipe: arguments.MeasuredRecipe = "flownas-small",
    threads: Annotated[int, typer.Option(min=1, help="Threads that a network runs on.")] = 1,
    networks: Annotated[
        int | None,
        typer.Option(min=1, help="Whole networks to measure [90, or what shows all operators]."),
    ] = None,
    runtime: arguments.Runtime = None,
    precision: arguments.Precision = "fp32",
    batch: arguments.Batch = 1,
    budget_minutes: Annotated[
        float | None, typer.Option(help="Measure only the most telling networks that fit.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the plan.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the table. Default: where searches look.")
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Say what would be measured, and stop.")
    ] = False,
    resume: arguments.ResumeCampaign = False,
    force: Annotated[
        bool, typer.Option("--force", help="Discard the campaign or table that lies there.")
    ] = False,
    wait: arguments.Wait = 0.0,
) -> None:
    """Measures every operator of a recipe inside whole networks, and saves the latency table.

    For instance:

        python -m profiler.build_lut --device cpu

        python -m profiler.build_lut --device cpu --plan-only

        python -m profiler.build_lut --device cpu --threads 2 --resume

        python -m profiler.build_lut --device cpu --budget-minutes 2 --plan-only

        python -m profiler.build_lut --device cpu --runtime openvino --precision bf16

        python -m profiler.build_lut --device cuda:0 --runtime torch --precision fp16 --batch 8
    """
    import math
    import os
    import sys
    import time

    # Read by the library that traces networks for export, when it loads; with more threads it
    # waits at barriers for cores that others keep busy.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from luts.errors import UserError
    from luts.paths import table_folder
    from luts.spaces import load_space
    from luts.table import FEWEST_NETWORKS
    from profiler._budget import begun_networks, plan_within
    from profiler.device import check_threads, resolve_device
    from profiler.lock import device_lock
    from profiler.plan import make_plan, usual_plan
    from profiler.settings import Settings
    from profiler.timing import runtime_for

    target = resolve_device(device)
    check_threads(threads)
    if resume and force:
        raise UserError("--resume continues a campaign and --force discards it; give one of them")
    space = load_space(recipe, batch)
    chosen = runtime_for(target.name, precision, runtime, device)
    plan = (usual_plan(space, seed=seed) if networks is None
            else make_plan(space, networks=networks, seed=seed))
    folder = out or table_folder(target.name, recipe, chosen.name, precision, batch, threads)
    settings = Settings(target.name, precision, batch, threads)
    if budget_minutes is not None:
        if not 0 < budget_minutes < math.inf:
            raise UserError(f"--budget-minutes {budget_minutes:g} must be above 0 and finite")
        begun = begun_networks(folder) if resume else None
        if begun is None:
            with device_lock(target.name, wait_s=wait):
                plan = plan_within(budget_minutes, space, plan, chosen, settings)
        elif begun != len(plan.networks):
            # A new estimate would differ a little, and the campaign would be another one.
            plan = make_plan(space, networks=begun, seed=seed, partial=True)
    if plan.distinct < FEWEST_NETWORKS:
        print(f"warning: {plan.distinct} networks beside the reference, predictor.fit needs "
              f"{FEWEST_NETWORKS}; give more minutes or --networks", file=sys.stderr)
    if plan_only:
        with device_lock(target.name, wait_s=wait):
            _show_plan(space, plan, chosen, settings)
        return
    if plan.unmeasured:
        print(f"warning: {len(plan.unmeasured)} of {len(plan.contexts)} operators remain "
              "unmeasured within the budget; --plan-only lists them", file=sys.stderr)

    from profiler._display import progress, show_table
    from profiler.campaign import Campaign

    start = time.monotonic()
    campaign = Campaign(space, plan, chosen, folder, settings=settings)
    with device_lock(target.name, wait_s=wait), progress() as report:
        table = campaign.run(resume=resume, force=force, report=report)
    show_table(table, str(folder), time.monotonic() - start)


def _show_plan(space: OperatorSpace, plan: Plan, runtime: Runtime, settings: Settings) -> None:
    import sys
    from collections import Counter
    from statistics import median

    from rich.console import Console
    from rich.table import Table

    from profiler._estimate import estimate_minutes

    drawn = Counter(item.drawn for item in plan.networks)
    contexts = plan.contexts.values()
    minutes = estimate_minutes(space, plan, runtime, settings)
    shown = Table(title=f"plan for {plan.recipe}, seed {plan.seed}", show_header=False)
    shown.add_row("networks", f"{len(plan.networks)}: {drawn['uniform']} uniform draws, "
                  f"{drawn['cover']} chosen, {drawn['reference']} reference")
    shown.add_row("operators", f"{len(plan.contexts)} of the space, {plan.reference_only} more of "
                  "the reference")
    if plan.unmeasured:
        shown.add_row("unmeasured", f"{len(plan.unmeasured)} operators of the space, that no "
                      "network of the plan shows")
    shown.add_row("contexts", f"{min(contexts)} at least, {median(contexts):g} in the median; "
                  "piped, each operator's are listed")
    shown.add_row("timings", f"{sum(len(block) for block in plan.blocks)}, each network twice")
    shown.add_row("time", f"about {minutes:.1f} minutes, from the reference timed here")
    shown.add_row("plan", plan.hash[:12])
    Console().print(shown)
    if sys.stdout.isatty():
        return
    print("contexts\toperator")
    for operator, count in sorted(plan.contexts.items(), key=lambda item: item[1]):
        print(f"{count}\t{operator.key}")


if __name__ == "__main__":
    cli.run(main, resumable=True)
