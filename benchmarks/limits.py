"""Do limits hold? Many searches, from budgets that can just be kept to loose ones.

    python -m benchmarks.limits --target cpu

Each search goes all the way of `python -m evolution.run`: the reference is measured, architectures
are scored, the winner is exported and measured in turns with the reference, and struck where it
breaks its budget. Afterwards the network that was returned is measured once more in a session of
its own, which no search has chosen. Budgets are shares of the reference's latency, in random order,
so that a machine that slows down does not slow the tight ones alone. Reported are the returned
networks above their budget by either measurement, the winners that verification struck, and how
close to the budget the returned ones sit. Scores are kept by architecture and shared by all
searches.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._limits_figures import show, summary
from benchmarks._resumed import opened
from luts import cli
from luts.files import write_json

_MEASURE_SECONDS = 6.0
# Above the lowest upper bound: what rounding to a share may take away.
_JUST = 1.001


def main(
    target: Annotated[str, typer.Option(help="Target, here.")] = "cpu",
    recipe: Annotated[str, typer.Option(help="Recipe to follow.")] = "flownas-small",
    searches: Annotated[int, typer.Option(min=1, help="Searches.")] = 100,
    evaluations: Annotated[int, typer.Option(min=1, help="Architectures of each.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first search.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the networks.")] = 1,
    level_check: Annotated[
        bool, typer.Option("--level-check/--no-level-check",
                           help="Measure the reference before each search, as a search does.")
    ] = True,
    most: Annotated[
        int | None, typer.Option(min=1, help="Searches to carry out now; the rest by --resume.")
    ] = None,
    out: _arguments.Folder = Path("runs/limits"),
    resume: _arguments.Resume = False,
) -> None:
    """Returned networks above budget, winners struck, and how close to the budget they sit."""
    settings = {"target": target, "recipe": recipe, "searches": searches, "threads": threads,
                "evaluations": evaluations, "seed": seed, "level_check": level_check}
    journal, _ = opened(out / "limits.jsonl", settings, resume=resume)
    shares = _shares(target, recipe, threads, searches, seed)
    done = {record["search"] for record in journal.records[1:]}
    left = [number for number in range(searches) if number not in done][: most]
    if left:
        from benchmarks._scores import KnownScores
        from supernet.accuracy import load_accuracy

        accuracy = KnownScores(load_accuracy(recipe), out / "scores.jsonl")
        for number in left:
            began = time.perf_counter()
            found = _search(settings, number, shares[number], accuracy, out)
            journal.append({**found, "seconds": round(time.perf_counter() - began, 1)})
            _say(found, len(journal.records) - 1, searches)
    found = summary(journal.records[1:])
    write_json(out / "limits.json", {**settings, **found})
    show(found)


def _shares(target: str, recipe: str, threads: int, searches: int, seed: int) -> list[float]:
    """Budgets as shares of the reference, from just feasible to that of the slowest network."""
    from evolution.constraint import LatencyConstraint
    from evolution.requirements import LatencyRequirement
    from predictor.load import load_predictor

    predictor = load_predictor(target, recipe, threads)
    reach = LatencyRequirement(LatencyConstraint(predictor, float("inf"))).reach()
    reference_ms, _ = predictor.predict_reference()
    ends = np.array([reach.low * _JUST, reach.high]) / reference_ms
    shares = np.linspace(float(ends[0]), float(ends[1]), searches) if searches > 1 else ends[:1]
    return [float(s) for s in np.random.default_rng(seed).permutation(shares)]


def _search(
    settings: dict[str, Any], number: int, share: float, accuracy: Any, out: Path
) -> dict[str, Any]:
    from evolution.conduct import find
    from evolution.export import BEST, REFERENCE
    from evolution.folder import RunFolder
    from evolution.ledger import STARTED, Ledger
    from evolution.measuring import measurer
    from evolution.pools.here import Here
    from evolution.prepare import Options, prepare
    from evolution.progress import View
    from luts.files import atomic_path

    place = out / "runs" / f"{number:03d}"
    plan = prepare(Options(
        settings["target"], settings["recipe"], latency=f"{100 * share:.6f}%",
        seed=settings["seed"] + number, evaluations=settings["evaluations"], out=place,
        resume=True, threads=settings["threads"], level_check=settings["level_check"],
    ))
    measure = measurer(plan.goal, _MEASURE_SECONDS)
    with RunFolder.open(place, plan.settings, plan.recipe_text) as folder:
        ledger = Ledger(folder.journal)
        if ledger.recall(STARTED) is None:
            ledger.write(STARTED, accuracy=dict(accuracy.identity))
        shared = out / REFERENCE
        if shared.exists():
            with atomic_path(place / REFERENCE) as temporary:
                temporary.write_bytes(shared.read_bytes())
        found = find(plan, ledger, Here.of(accuracy), {plan.latency.label: measure}, place, View())
        outcome, chosen = found.outcome, found.outcome.chosen
        if chosen is not outcome.rounds[-1] or not (place / BEST).exists():
            from evolution.export import export_onnx

            network = accuracy.network(plan.space.decode(np.array(chosen.candidate.vector)))
            export_onnx(accuracy, network, place / BEST)
        if not shared.exists():
            with atomic_path(shared) as temporary:
                temporary.write_bytes((place / REFERENCE).read_bytes())
        again = measure({"best": place / BEST, "reference": place / REFERENCE})
        for name in (BEST, REFERENCE):  # a hundred of them would fill a disk
            (place / name).unlink()
    check = chosen.check
    return {
        "search": number, "share": share, "budget_ms": plan.latency.budget_ms,
        "verified": outcome.verified, "vector": list(chosen.candidate.vector),
        "predicted_ms": chosen.candidate.latency_ms, "upper_ms": chosen.candidate.upper_ms,
        "correction": plan.latency.correction,
        "level": found.levels[0].ratio if found.levels else None,
        "rounds": len(outcome.rounds),
        "struck": sum(tried.check.over_budget for tried in outcome.rounds),
        "over_by": [tried.check.best.median_ms / plan.latency.budget_ms
                    for tried in outcome.rounds if tried.check.over_budget and tried.check.best],
        "latency_ms": check.best.median_ms if check.best else None,
        "reference_ms": check.reference.median_ms if check.reference else None,
        "again_ms": again["best"].median_ms, "again_reference_ms": again["reference"].median_ms,
        "fitness": chosen.candidate.fitness,
    }


def _say(found: dict[str, Any], done: int, searches: int) -> None:
    ms = found["latency_ms"]
    print(f"{done}/{searches}: budget {found['budget_ms']:.3f} ms, "
          f"{'verified' if found['verified'] else 'NOT verified'} "
          f"{'-' if ms is None else f'{ms:.3f}'} ms, again {found['again_ms']:.3f} ms, "
          f"{found['struck']} struck", flush=True)


if __name__ == "__main__":
    cli.run(main, resumable=True)
