"""Estimates of well-known models against their measured latency on this computer's processor.

python -m benchmarks.whole_models --out runs/whole_models.json
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._public import data_folder
from luts import arguments, cli
from luts.files import write_json

_ROUNDS = 3
_SHARED = ("yunet_n_320_320.onnx", "yunet_s_320_320.onnx")


def main(
    *,
    threads: arguments.OperatorThreads = 1,
    pretrained: Annotated[
        Path | None, typer.Option(help="Folder with the two face detectors yunet_*.onnx "
                                       "[$METRONAS_DATA/pretrained_small].")
    ] = None,
    models: Annotated[
        Path | None, typer.Option(help="Folder that keeps the exported models.")
    ] = None,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    out: _arguments.JsonFile = Path("runs/whole_models.json"),
) -> None:
    """Exports the models, estimates each, then times all of them in turns."""
    from predictor.estimation.api import estimate

    faces = pretrained or data_folder(None) / "pretrained_small"
    with tempfile.TemporaryDirectory() as name:
        paths = _export(models or Path(name), faces)
        found = {key: estimate(path, target="cpu", threads=threads, level=level,
                               say=lambda text: print(text, flush=True))
                 for key, path in paths.items()}
        times = _measure(paths, threads)
    rows = [_row(key, found[key], times[key]) for key in paths]
    summary = {"raw": _summary(rows, "error"), "at_pace": _summary(rows, "error_at_pace"),
               "slowness": times["machine"]["slowness"]}
    _show(rows, summary)
    write_json(out, {"summary": summary, "models": rows, "threads": threads})
    print(json.dumps(summary))


def _export(folder: Path, pretrained: Path) -> dict[str, Path]:
    from rich.progress import track

    from benchmarks._zoo import ZOO, build
    from predictor._module_export import export_module

    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in track(ZOO, "exporting"):
        found[name] = folder / f"{name}.onnx"
        if not found[name].is_file():
            module, example = build(name)
            export_module(module, example, found[name])
    for file in _SHARED:
        if (pretrained / file).is_file():
            found[file.removesuffix(".onnx")] = pretrained / file
        else:
            print(f"skipped: no {pretrained / file}")
    return found


def _measure(paths: dict[str, Path], threads: int) -> dict[str, dict[str, float]]:
    """Medians of several rounds through all models, and the machine's pace beside each."""
    from rich.progress import track

    from luts.library import find_library
    from profiler._clock import SystemClock
    from profiler._pace import open_probe
    from profiler.lock import device_lock
    from profiler.settings import StoppingRule
    from profiler.timing import measure_session, runtime_for

    rule = StoppingRule(min_samples=5, min_seconds=0.3, max_seconds=2.0)
    runtime, clock = runtime_for("cpu", runtime="onnxruntime"), SystemClock()
    usual = find_library("cpu", threads=threads).info.pace
    taken: dict[str, list[float]] = {name: [] for name in paths}
    slowness: dict[str, list[float]] = {name: [] for name in paths}
    with device_lock("cpu", wait_s=60), ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="metronas-"))
        probe = stack.enter_context(
            open_probe(runtime, Path(scratch), clock, threads=threads, precision="fp32"))
        for _ in track(range(_ROUNDS), "timing"):
            for name, path in paths.items():
                with closing(runtime.open(path, threads=threads)) as session:
                    found = measure_session(session, rule, threads=threads, probe=probe)
                taken[name].append(found.median_ms)
                slowness[name].append(usual.slowness(found.pace_ms))
    every = [value for values in slowness.values() for value in values]
    return {
        **{name: {"median_ms": float(np.median(taken[name])),
                  "at_pace_ms": float(np.median(np.array(taken[name]) / slowness[name])),
                  "low_ms": min(taken[name]), "high_ms": max(taken[name])} for name in paths},
        "machine": {"slowness": float(np.median(every))},
    }


def _row(name: str, found: Any, times: dict[str, float]) -> dict[str, Any]:
    return {
        "model": name, "estimate_ms": found.latency_ms, "lower_ms": found.lower_ms,
        "upper_ms": found.upper_ms, **times,
        "error": found.latency_ms / times["median_ms"] - 1,
        "error_at_pace": found.latency_ms / times["at_pace_ms"] - 1,
        "covered": found.lower_ms <= times["median_ms"] <= found.upper_ms,
        "measured_share": found.measured_share, "estimated_share": found.estimated_share,
        "unknown_share": found.unknown_share,
        "operators_measured": sum(o.count for o in found.operators if o.source == "measured"),
        "operators_estimated": sum(o.count for o in found.operators if o.source == "estimated"),
        "operators_unknown": sum(o.count for o in found.operators if o.source == "unknown"),
    }


def _summary(rows: list[dict[str, Any]], key: str) -> dict[str, float]:
    relative = np.abs([row[key] for row in rows])
    counts = {kind: sum(row[f"operators_{kind}"] for row in rows)
              for kind in ("measured", "estimated", "unknown")}
    total = sum(counts.values())
    return {
        "models": len(rows), "mape": float(relative.mean()),
        "within_10": float((relative <= 0.1).mean()), "within_20": float((relative <= 0.2).mean()),
        "covered": float(np.mean([row["covered"] for row in rows])),
        **{f"operators_{kind}": count / total for kind, count in counts.items()},
    }


def _show(rows: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    raw, same = summary["raw"], summary["at_pace"]
    shown = Table(title=f"{len(rows)} models: MAPE {raw['mape']:.1%}, within 10 % "
                        f"{raw['within_10']:.0%}, within 20 % {raw['within_20']:.0%}; at the "
                        f"library's pace {same['mape']:.1%}, {same['within_10']:.0%}, "
                        f"{same['within_20']:.0%}")
    for title in ("model", "estimate", "interval", "measured", "range", "error", "at pace",
                  "measured share"):
        shown.add_column(title, justify="left" if title == "model" else "right")
    for row in rows:
        shown.add_row(row["model"], f"{row['estimate_ms']:.2f}",
                      f"{row['lower_ms']:.1f}-{row['upper_ms']:.1f}", f"{row['median_ms']:.2f}",
                      f"{row['low_ms']:.1f}-{row['high_ms']:.1f}", f"{row['error']:+.1%}",
                      f"{row['error_at_pace']:+.1%}", f"{row['measured_share']:.0%}")
    Console(width=120).print(shown)


if __name__ == "__main__":
    cli.run(main)
