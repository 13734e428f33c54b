"""Command line: searches, proves and hands over a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evolution import arguments
from evolution.strategies.base import STRATEGIES
from luts import cli

if TYPE_CHECKING:
    from evolution.plan import Plan
    from evolution.pools.base import PoolOptions
    from evolution.result import Result

STRUCK = 3
"""Exit code where no network held: neither that of wrong input nor that of a crash."""


def main(
    *,
    target: arguments.Target,
    recipe: arguments.Recipe = "flownas-small",
    latency_ms: arguments.LatencyMs = None,
    latency: arguments.Latency = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:PRESET]",
            help=f"How architectures are proposed: {', '.join(STRATEGIES.names())} (additive: "
            "where the fitness is known without scoring). Presets of evolution: flownas, "
            "vit-resnas, spvnas, once-for-all. Default: the recipe's.",
        ),
    ] = None,
    evaluations: Annotated[
        int | None,
        typer.Option(min=1, help="Architectures to score. Default: the strategy's number."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. Default: runs/<recipe>-<target>-<seed>.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in that folder, if there is one.")
    ] = False,
    threads: arguments.Threads = 1,
    weights: arguments.Weights = None,
    memory_mib: arguments.MemoryMib = None,
    parameters: arguments.Parameters = None,
    flops: arguments.Flops = None,
    energy_mj: arguments.EnergyMj = None,
    also_target: arguments.AlsoTarget = None,
    pareto: arguments.Pareto = None,
    verify_points: Annotated[
        int, typer.Option(min=1, help="Points of the front that are measured, ends first.")
    ] = 3,
    level_check: Annotated[
        bool,
        typer.Option("--level-check/--no-level-check", help="Measure the reference before the "
                     "search, and scale bounds by what it takes now."),
    ] = True,
    accept_estimate: arguments.AcceptEstimate = False,
    halving: Annotated[
        str | None,
        typer.Option(metavar="PAIRS[:SHARE]", help="Score every batch on the first validation "
                     "pairs, and its better share (default: half) on all; off scores all on all. "
                     "Default: the recipe's."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N",
                     help="Architectures that are scored at once, each in a process of its own. "
                     "Changes no score. Default: 1, in this process; with --ray, one for each "
                     "processor of the cluster."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Score on the Ray cluster at that address; local "
                     "starts one on this machine. Needs the extra 'scale'."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print result.json on standard output.")
    ] = False,
) -> int:
    """Finds the most accurate network that keeps a latency budget on a target, measured there.

    Where a GPU target has no measured table, latencies are estimated; the result is then not
    verified, and names the command that verifies it on the device.

    The exit code is 3 where every network that was tried failed its proof; the one that came
    nearest is handed over as not verified.

    For instance:

        python -m evolution.run --target cpu

        python -m evolution.run --target cpu --latency 80% --seed 1

        python -m evolution.run --target cpu --latency-ms 45 --evaluations 100 --out runs/try

        python -m evolution.run --target cpu --strategy joint --evaluations 60

        python -m evolution.run --target cpu --strategy evolution:vit-resnas

        python -m evolution.run --target cpu --resume

        python -m evolution.run --target rtx3090

        python -m evolution.run --target cpu --pareto 50%..120% --evaluations 200

        python -m evolution.run --target cpu --also-target cpu@2:80% --memory-mib 20

        python -m evolution.run --target cpu --workers 2

        python -m evolution.run --target cpu --ray local --workers 2

        python -m evolution.run --target cpu --halving 2:0.3
    """
    from evolution._run_view import summary
    from evolution.pools.base import PoolOptions
    from evolution.pools.ray import check_ray
    from evolution.prepare import Options, prepare

    if ray is not None:
        check_ray(ray)
    scoring = PoolOptions(workers, ray)

    given = {"memory_mib": memory_mib, "parameters": parameters, "flops": flops,
             "energy_mj": energy_mj}
    plan = prepare(
        Options(target, recipe, latency, latency_ms, seed, evaluations, out, resume, threads,
                strategy, accept_estimate, halving=halving,
                limits={name: text for name, text in given.items() if text is not None},
                also=tuple(also_target or ()), level_check=level_check, pareto=pareto,
                verify_points=verify_points)
    )
    result = _carry_out(plan, weights, scoring)
    if as_json:
        print(result.model_dump_json(indent=2))
    else:
        summary(result, plan.path)
    return STRUCK if result.struck else 0


def _carry_out(plan: Plan, weights: Path | None, scoring: PoolOptions) -> Result:
    from evolution.conduct import conduct
    from evolution.pools.base import POOLS
    from evolution.progress import make_view
    from evolution.screening import check_halving

    view = make_view()
    view.say(
        f"searching {plan.recipe.name} on {plan.settings.target}: "
        f"{plan.settings.evaluations} evaluations, budget {plan.settings.latency_ms:.3f} ms, "
        f"run folder {plan.path}"
    )
    from evolution._space_view import basis, short_lines

    if plan.estimated:
        view.say(basis(plan))
        if plan.shared < 1:
            view.say("the budget is a share of the reference's prediction, so candidates are held "
                     f"to {plan.shared:.3f} of their upper bounds: errors that both share cancel")
    from evolution.measuring import is_here, measurer
    from evolution.space_report import report_space

    for line in short_lines(report_space(plan.space, plan.predictor, plan.requirements)):
        view.say(line)
    from evolution.pools.carried import maker
    from supernet.accuracy import load_accuracy

    measure = None if plan.estimated else measurer(plan.goal)
    also = {goal.latency.label: measurer(goal) for goal in plan.also if is_here(goal, view)}
    accuracy = load_accuracy(plan.recipe.name, weights)
    make = maker(plan.recipe.name, weights, scoring)
    check_halving(plan.recipe.strategy.halving, accuracy)
    with POOLS.get(scoring.pool)(accuracy, make, scoring) as pool:
        return conduct(plan, accuracy, measure, view, also, pool)


if __name__ == "__main__":
    cli.run(main, resumable=True)
