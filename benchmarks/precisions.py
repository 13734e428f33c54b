"""What lower precision costs and brings: accuracy and latency of one network, side by side.

    python -m benchmarks.precisions runs/quickstart

Exports the winner of a run in fp32, fp16 and int8 (with and without its feature encoder), scores
each on the validation pairs, times all in turns on the CPU, and compares the outputs of all
runtimes that are installed here. Latencies mean something on a machine that does nothing else.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from luts import cli


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="To time each file for.")] = 20.0,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/precisions.json"),
) -> None:
    """Accuracy and CPU latency of fp32, fp16 and int8, and whether runtimes agree."""
    from evolution.bundle.choice import Choice
    from evolution.bundle.formats import KEPT_IN_INT8
    from evolution.bundle.int8 import quantise
    from evolution.bundle.mixed import halve
    from evolution.bundle.subject import KEPT_IN_HALF, kept_by, load_subject
    from evolution.folder import read_settings
    from luts.files import writable_folder, write_json

    threads, subject = read_settings(run).threads, load_subject(run)
    writable_folder(out.parent)
    with tempfile.TemporaryDirectory() as name:
        paths = {title: Path(name) / f"{title.replace(' ', '-')}.onnx"
                 for title in ("fp32", "fp16", "int8", "int8 whole")}
        subject.export(paths["fp32"], Choice())
        halve(paths["fp32"], paths["fp16"], "fp16", kept_by(KEPT_IN_HALF))
        convolutions = {
            title: quantise(paths["fp32"], paths[title], subject.calibration, kept_by(kept))
            for title, kept in (("int8", KEPT_IN_INT8), ("int8 whole", ()))
        }
        rows = {title: _accuracy(subject, path, threads) for title, path in paths.items()}
        agreement = _agreement(subject, paths["fp32"], Path(name), run, threads)
        for runtime, times in _latencies(paths, threads, seconds).items():
            for title, ms in times.items():
                rows[title][f"{runtime}_ms"] = ms
        for title, path in paths.items():
            rows[title]["size_bytes"] = path.stat().st_size
            rows[title]["quantised_convolutions"] = convolutions.get(title, 0)
    _show(rows, agreement)
    write_json(out, {"run": run.name, "threads": threads, "precisions": rows,
                     "agreement": agreement})


def _accuracy(subject: Any, path: Path, threads: int) -> dict[str, float]:
    from evolution.bundle.formats import onnx_predict
    from evolution.bundle.standalone import difference

    predict = onnx_predict(path, threads)
    outputs = [predict(inputs) for inputs in subject.pairs]
    truths = [subject.truth(inputs) for inputs in subject.pairs]
    pairs = list(zip(outputs, truths, strict=True))
    return {
        **subject.score(outputs),
        "largest_difference": max(difference("largest", *pair) for pair in pairs),
        "mean_difference": float(np.mean([difference("mean", *pair) for pair in pairs])),
    }


def _agreement(
    subject: Any, model: Path, folder: Path, run: Path, threads: int
) -> dict[str, float]:
    """Largest relative difference of fp32 outputs from PyTorch, by runtime."""
    from evolution.bundle.choice import Choice
    from evolution.bundle.formats import make_model
    from evolution.bundle.standalone import difference
    from evolution.result import load_result
    from luts.errors import UserError
    from luts.target import load_target

    target, found = load_target(load_result(run).target), {}
    for form in ("onnx", "openvino", "torch"):
        place = folder / form
        place.mkdir()
        try:
            made = make_model(subject, Choice(form), target, place, threads)
        except UserError as error:
            print(f"{form}: {error}")
            continue
        found[form] = max(difference("largest", made.predict(inputs), subject.truth(inputs))
                          for inputs in subject.pairs)
    return found


def _latencies(
    paths: dict[str, Path], threads: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Median in ms by runtime and file."""
    from luts.errors import UserError
    from profiler.lock import device_lock
    from profiler.runtimes import load_runtime
    from profiler.timing import measure_interleaved

    found: dict[str, dict[str, float]] = {}
    for name in ("onnxruntime", "openvino"):
        try:
            runtime = load_runtime(name)
        except UserError as error:
            print(f"{name}: {error}")
            continue
        with device_lock("cpu", wait_s=600):
            measured = measure_interleaved(paths, threads=threads, max_seconds=seconds,
                                           runtime=runtime)
        found[name] = {title: times.median_ms for title, times in measured.items()}
    return found


def _show(rows: dict[str, dict[str, float]], agreement: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown, titles = Table(title="precisions"), list(rows["fp32"])
    for title in ("", *titles):
        shown.add_column(title, justify="right")
    for name, row in rows.items():
        shown.add_row(name, *(f"{row[title]:.5g}" for title in titles))
    console = Console()
    console.print(shown)
    for form, apart in agreement.items():
        console.print(f"{form} in fp32 differs from PyTorch by {apart:.2g} of the largest output")


if __name__ == "__main__":
    cli.run(main)
