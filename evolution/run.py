"""Command line: searches, proves and hands over a network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luts import cli

if TYPE_CHECKING:
    from evolution.pools.base import PoolOptions
    from evolution.prepare import Plan
    from evolution.result import Result
    from evolution.verification import Measured, Measurer

# Longer than a campaign allows itself: one verdict hangs on it, and the machine may be busy.
_MEASURE_SECONDS = 20.0
# A search of hours is not given up because a campaign happens to run when it ends.
_WAIT_SECONDS = 3600.0


def main(
    *,
    target: Annotated[str, typer.Option(help="Target to search for, such as cpu.")],
    recipe: Annotated[str, typer.Option(help="Recipe to follow.")] = "flownas-small",
    latency_ms: Annotated[
        str | None, typer.Option(metavar="MS", help="Latency budget in milliseconds.")
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(
            metavar="BUDGET",
            help="Budget relative to the reference network's predicted latency (80%) or absolute "
            "(45ms). Default: the recipe's.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:PRESET]",
            help="How architectures are proposed: joint, predictor-guided, exact, evolution, nsga2 "
            "or random. Presets of evolution: flownas, vit-resnas, spvnas, once-for-all. Default: "
            "the recipe's.",
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
    threads: Annotated[int, typer.Option(min=1, help="Threads that the network runs on.")] = 1,
    weights: Annotated[
        Path | None,
        typer.Option(help="Folder of a training run. Default: the weights of the package."),
    ] = None,
    accept_estimate: Annotated[
        bool,
        typer.Option("--accept-estimate",
                     help="Search for a target on which nothing was ever measured."),
    ] = False,
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
) -> None:
    """Finds the most accurate network that keeps a latency budget on a target, measured there.

    Where a GPU target has no measured table, latencies are estimated; the result is then not
    verified, and names the command that verifies it on the device.

    For instance:

        python -m evolution.run --target cpu

        python -m evolution.run --target cpu --latency 80% --seed 1

        python -m evolution.run --target cpu --latency-ms 45 --evaluations 100 --out runs/try

        python -m evolution.run --target cpu --strategy joint --evaluations 60

        python -m evolution.run --target cpu --strategy evolution:vit-resnas

        python -m evolution.run --target cpu --resume

        python -m evolution.run --target rtx3090

        python -m evolution.run --target cpu --workers 2

        python -m evolution.run --target cpu --ray local --workers 2

        python -m evolution.run --target cpu --halving 2:0.3
    """
    from evolution.pools.base import PoolOptions
    from evolution.pools.ray import check_ray
    from evolution.prepare import Options, prepare
    from evolution.summary import summary

    if ray is not None:
        check_ray(ray)
    scoring = PoolOptions(workers, ray)

    plan = prepare(
        Options(target, recipe, latency, latency_ms, seed, evaluations, out, resume, threads,
                strategy, accept_estimate, halving)
    )
    result = _carry_out(plan, weights, scoring)
    if as_json:
        print(result.model_dump_json(indent=2))
    else:
        summary(result, plan.path)


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
    if plan.estimated:
        view.say(f"latencies of {plan.settings.target} are PREDICTED, not measured: no table of it "
                 f"is here; behind the prediction: {plan.evidence}")
        if plan.shared < 1:
            view.say("the budget is a share of the reference's prediction, so candidates are held "
                     f"to {plan.shared:.3f} of their upper bounds: errors that both share cancel")
    from supernet.accuracy import load_accuracy

    measure = None if plan.estimated else _measurer(plan)
    make = partial(load_accuracy, plan.recipe.name, weights and weights.absolute())
    accuracy = make()
    check_halving(plan.recipe.strategy.halving, accuracy)
    with POOLS.get(scoring.pool)(accuracy, make, scoring) as pool:
        return conduct(plan, accuracy, measure, view, pool)


def _measurer(plan: Plan) -> Measurer:
    from profiler.lock import device_lock
    from profiler.timing import measure_interleaved

    settings, info = plan.settings, plan.table.info

    def measure(paths: Mapping[str, Path]) -> Mapping[str, Measured]:
        with device_lock(settings.target, wait_s=_WAIT_SECONDS):
            return measure_interleaved(
                paths,
                target=settings.target,
                threads=settings.threads,
                precision=info.precision,
                max_seconds=_MEASURE_SECONDS,
            )

    return measure


if __name__ == "__main__":
    cli.run(main, resumable=True)
