"""How well do operator latencies add up: measured in context, and measured alone?

    python -m benchmarks.table_sum --networks 100

Fresh networks that no table has seen are timed end to end. Beside their latency stand the sum of
the in-context table, and the sum of the same operators cut out of exported networks and timed one
by one; the latter also after a linear fit to half of the networks, judged on the other half.
Latencies are compared at the table's pace (see `profiler._pace`); the last row shows them as the
clock did.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.files import write_json
from profiler._robust import sigma

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


def main(
    target: Annotated[str, typer.Option(help="Target whose table is judged.")] = "cpu",
    recipe: arguments.Recipe = "flownas-small",
    networks: Annotated[int, typer.Option(min=4, help="Fresh networks to time.")] = 100,
    seed: arguments.DrawsSeed = 11,
    out: _arguments.JsonFile = Path("runs/table_sum.json"),
) -> None:
    """Sum of the in-context table and of operators timed alone, against end to end."""
    from luts.paths import find_table
    from luts.spaces import load_space
    from predictor.evaluation import fresh_architectures

    space, table = load_space(recipe), find_table(target, recipe)
    known = {sample.vector for sample in table.networks if sample.vector is not None}
    vectors = fresh_architectures(space, known, networks, np.random.default_rng(seed))
    measured = _measure(space, table, vectors)
    whole, clock, in_context, alone = (
        np.array(measured[name]) for name in ("whole_ms", "clock_ms", "table_ms", "alone_ms")
    )
    rows = {
        "in context": _errors(in_context, whole),
        "alone": _errors(alone, whole),
        "alone, after a linear fit": _fitted(alone, whole),
        "in context, as the clock showed": _errors(in_context, clock),
    }
    noise = float(sigma(np.log(np.divide(*measured["twice_ms"]))) / np.sqrt(2))
    slowness = float(np.median(clock / whole))
    _show(rows, len(whole), slowness, noise)
    write_json(out, {"rows": rows, "slowness": slowness, "noise": noise, "table": table.identity,
                     "recipe": recipe, "seed": seed, **measured})


def _measure(space: Any, table: Any, vectors: Any) -> dict[str, Any]:
    from benchmarks._alone import cut_out, with_shapes
    from luts.progress import counted
    from profiler._clock import SystemClock
    from profiler._exporter import Exporter
    from profiler._pace import open_probe
    from profiler.settings import Settings
    from profiler.timing import measure_session, runtime_for

    runtime, rule, threads = runtime_for(table.info.target), Settings().rule, table.info.threads
    alone_ms: dict[str, float] = {}
    found: dict[str, Any] = {"whole_ms": [], "clock_ms": [], "table_ms": [], "alone_ms": []}
    again = []
    with (
        tempfile.TemporaryDirectory() as name, closing(Exporter(space)) as exporter,
        open_probe(runtime, Path(name), SystemClock(), threads=threads,
                   precision=table.info.precision) as probe,
        counted("timing networks", len(vectors)) as advance,
    ):
        folder = Path(name)

        def time_ms(model: Path) -> tuple[float, float]:
            """At the table's pace, and by the clock."""
            with closing(runtime.open(model, threads=threads)) as session:
                timed = measure_session(session, rule, threads=threads, probe=probe)
            return timed.median_ms / table.info.pace.slowness(timed.pace_ms), timed.median_ms

        for number, vector in enumerate(vectors):
            model = exporter.export({number: tuple(int(i) for i in vector)}, folder)[number]
            paced_ms, clock_ms = time_ms(model)
            found["whole_ms"].append(paced_ms)
            found["clock_ms"].append(clock_ms)
            placed = space.lower(space.decode(vector))
            found["table_ms"].append(table.latency_ms(placed))
            graph = None
            for item in placed:
                if item.operator.key in alone_ms:
                    continue
                graph = graph or with_shapes(model)
                part = folder / "part.onnx"
                own = cut_out(graph, item.path, {p.path for p in placed}, part)
                alone_ms[item.operator.key] = time_ms(part)[0] / item.repeats if own else 0.0
            found["alone_ms"].append(
                sum(alone_ms[item.operator.key] * item.repeats for item in placed)
            )
            if number % 4 == 0:
                again.append((paced_ms, time_ms(model)[0]))
            model.unlink()
            advance()
    return {**found, "twice_ms": list(zip(*again, strict=True)), "operators": len(alone_ms)}


def _errors(estimated: Floats, whole: Floats) -> dict[str, float]:
    relative = estimated / whole - 1
    return {
        "mape": float(np.mean(np.abs(relative))), "bias": float(np.median(relative)),
        "within_5": float(np.mean(np.abs(relative) <= 0.05)),
        "within_10": float(np.mean(np.abs(relative) <= 0.10)),
    }


def _fitted(estimated: Floats, whole: Floats) -> dict[str, float]:
    half = len(whole) // 2
    slope, offset = np.polyfit(estimated[:half], whole[:half], 1)
    return _errors(slope * estimated[half:] + offset, whole[half:])


def _show(
    rows: dict[str, dict[str, float]], count: int, slowness: float, noise: float
) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=f"sum of operators against end to end, {count} unseen networks; "
                        f"repeat noise {noise:.2%}; the machine took {slowness:.3f} of the table's "
                        "time")
    for title in ("operators measured", "MAPE", "bias", "within 5 %", "within 10 %"):
        shown.add_column(title)
    for title, found in rows.items():
        shown.add_row(title, f"{found['mape']:.2%}", f"{found['bias']:+.2%}",
                      f"{found['within_5']:.0%}", f"{found['within_10']:.0%}")
    Console().print(shown)
    print(json.dumps(rows))


if __name__ == "__main__":
    cli.run(main)
