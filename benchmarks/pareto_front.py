"""Is the front of a search worth its evaluations? Against random networks, measured alike.

    python -m evolution.run --target cpu --pareto 50%..120% --evaluations 200 --out runs/front
    python -m benchmarks.pareto_front runs/front

The front's networks and random feasible ones (uniform over what the front's upper budget allows)
are scored by the same accuracy source, exported alike, and measured mixed in random order, a few at
a time in turns with the reference. Latencies are shares of the reference's in the same session, so
that a machine that changes its speed changes both alike. The hypervolume is that of share and
objective, below the upper budget and the worst objective that was met.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._resumed import opened
from luts import cli
from luts.errors import UserError
from luts.files import write_json

_MEASURE_SECONDS = 6.0


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished search with --pareto.")],
    *,
    random: Annotated[int, typer.Option(min=1, help="Random feasible architectures.")] = 200,
    together: Annotated[int, typer.Option(min=1, help="Networks of one session.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of draw and order.")] = 31,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of a training run. Default: the package's weights.")
    ] = None,
    out: _arguments.Folder = Path("runs/pareto_front"),
    resume: _arguments.Resume = False,
) -> None:
    """Hypervolume of the measured front over that of random networks."""
    from evolution.result import load_result

    result = load_result(run)
    if result.front is None:
        raise UserError(f"'{run}' searched for one budget; give a run with --pareto")
    settings = {"run": run.name, "table": result.provenance.table, "random": random, "seed": seed,
                "together": together}
    queue, high_share = _queue(run, result, random, seed)
    journal, done = opened(out / "measured.jsonl", settings, resume=resume)
    left = queue[done:]
    if left:
        from benchmarks._scores import KnownScores
        from evolution.options import Options
        from evolution.prepare import prepare_parts
        from supernet.accuracy import load_accuracy

        accuracy = KnownScores(load_accuracy(result.recipe, weights), out / "scores.jsonl")
        if dict(accuracy.identity) != result.provenance.accuracy:
            raise UserError(f"'{run}' was searched with other weights; give them by --weights")
        goal = prepare_parts(Options(result.target, result.recipe, latency="1000%",
                                     threads=result.provenance.threads)).goal
        for start in range(0, len(left), together):
            for record in _measure(left[start : start + together], goal, accuracy, out):
                journal.append(record)
            print(f"{len(journal.records) - 1}/{len(queue)} measured", flush=True)
    found = compare(journal.records[1:], result.objective, high_share)
    write_json(out / "pareto_front.json", {**settings, **found})
    _show(found, result.objective)


def _queue(
    run: Path, result: Any, random: int, seed: int
) -> tuple[list[tuple[str, list[int]]], float]:
    """Kind and vector of all networks in random order; the upper budget as a share."""
    from evolution.folder import read_settings
    from evolution.options import Options
    from evolution.prepare import prepare_parts

    settings = read_settings(run)
    # At the level of the table: what the machine took on the day changes both sides of the limit.
    plan = prepare_parts(Options(settings.target, settings.recipe,
                                 latency_ms=f"{settings.latency_ms!r}", threads=settings.threads))
    if plan.settings.table != settings.table:
        raise UserError(f"'{run}' was searched with another table of '{settings.target}'")
    space = plan.space
    front = [space.encode(space.architecture(p.architecture)).tolist() for p in result.front.points]
    rng = np.random.default_rng(seed)
    drawn = plan.region.draw(rng, random, set()).tolist()
    if len(drawn) < random:
        raise UserError(f"--random {random}: only {len(drawn)} random architectures were found")
    queue = [("front", row) for row in front] + [("random", row) for row in drawn]
    share = settings.latency_ms / settings.reference_latency_ms
    return [queue[i] for i in rng.permutation(len(queue))], share


def _measure(
    part: list[tuple[str, list[int]]], goal: Any, accuracy: Any, out: Path
) -> list[dict[str, Any]]:
    from evolution.export import REFERENCE, export_onnx
    from evolution.measuring import measurer

    space = goal.latency.predictor.space
    paths = {"reference": out / REFERENCE}
    if not paths["reference"].exists():
        export_onnx(accuracy, accuracy.network(None), paths["reference"])
    scores = []
    for number, (_, vector) in enumerate(part):
        architecture = space.decode(np.array(vector, dtype=np.int64))
        scores.append(accuracy.score(architecture))
        paths[str(number)] = out / f"{number}.onnx"
        export_onnx(accuracy, accuracy.network(architecture), paths[str(number)])
    measured = measurer(goal, _MEASURE_SECONDS)(paths)
    predicted = goal.latency.predictor.predict(np.array([vector for _, vector in part]))
    return [
        {"kind": kind, "vector": vector, "metrics": scores[number],
         "latency_ms": measured[str(number)].median_ms,
         "reference_ms": measured["reference"].median_ms,
         "predicted_ms": float(predicted.latency_ms[number])}
        for number, (kind, vector) in enumerate(part)
    ]


def compare(records: list[dict[str, Any]], objective: str, high_share: float) -> dict[str, Any]:
    """Hypervolumes of both kinds.

    Args:
        records: one of each network.
        objective: name of the minimised metric.
        high_share: upper budget as a share of the reference's latency.
    """
    from evolution.pareto import hypervolume, ranks

    points = {
        kind: np.array([(r["latency_ms"] / r["reference_ms"], r["metrics"][objective])
                        for r in records if r["kind"] == kind]).reshape(-1, 2)
        for kind in ("front", "random")
    }
    worst = np.array([high_share, max(float(p[:, 1].max()) for p in points.values() if len(p))])
    volumes = {kind: hypervolume(values, worst) for kind, values in points.items()}
    both = np.concatenate([points["front"], points["random"]])
    first = ranks(both) == 0
    count = len(points["front"])
    return {
        "hypervolume": volumes, "worst": worst.tolist(), "objective": objective,
        "ratio": volumes["front"] / volumes["random"] if volumes["random"] else None,
        "points": {kind: len(values) for kind, values in points.items()},
        "undominated": {"front": int(first[:count].sum()), "random": int(first[count:].sum())},
        "above_upper_budget": {kind: int((values[:, 0] > high_share).sum())
                               for kind, values in points.items()},
        "best": {kind: float(values[:, 1].min()) for kind, values in points.items() if len(values)},
        "networks": records,
    }


def _show(found: dict[str, Any], objective: str) -> None:
    from rich.console import Console
    from rich.table import Table

    ratio = found["ratio"]
    shown = Table(title="hypervolume of front over random: "
                        f"{'not defined' if ratio is None else f'{ratio:.3f}'}")
    for title in ("networks", "measured", "hypervolume", "undominated by all", f"best {objective}",
                  "above the upper budget"):
        shown.add_column(title, justify="left" if title == "networks" else "right")
    for kind in ("front", "random"):
        shown.add_row(kind, str(found["points"][kind]), f"{found['hypervolume'][kind]:.4f}",
                      str(found["undominated"][kind]), f"{found['best'].get(kind, 0):.4f}",
                      str(found["above_upper_budget"][kind]))
    Console().print(shown)


if __name__ == "__main__":
    cli.run(main, resumable=True)
