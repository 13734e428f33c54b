"""What lower precision costs and brings: accuracy and latency of one network, side by side.

    python -m benchmarks.precisions runs/quickstart
    python -m benchmarks.precisions runs/quickstart --parts

Exports the winner of a run in fp32, fp16 and int8 (with and without the parts that its task keeps
in fp32), scores each on the validation examples, times all in turns on the CPU, and compares the
outputs of all runtimes that are installed here. With --parts each part of the network is also
quantised alone. Latencies mean something on a machine that does nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import cli

if TYPE_CHECKING:
    from evolution.bundle.subject import Subject

Row = dict[str, float]


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    seconds: _arguments.SecondsEach = 20.0,
    parts: Annotated[
        bool, typer.Option("--parts", help="Quantise each part alone, too; these are not timed.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Where the run's images lie now.")
    ] = None,
    out: _arguments.JsonFile = Path("runs/precisions.json"),
) -> None:
    """Accuracy and CPU latency of fp32, fp16 and int8, and whether runtimes agree."""
    from evolution.bundle.subject import load_subject
    from evolution.folder import read_settings
    from luts.files import writable_folder, write_json

    threads, subject = read_settings(run).threads, load_subject(run, data)
    writable_folder(out.parent)
    with tempfile.TemporaryDirectory() as name:
        paths, rows = _files(subject, Path(name))
        alone = _alone(subject, paths["fp32"], rows) if parts else {}
        for title, path in (paths | alone).items():
            rows[title] |= _accuracy(subject, path, threads)
        found = {"run": run.name, "threads": threads, "precisions": rows,
                 "agreement": _agreement(subject, Path(name), run, threads)}
        write_json(out, found)  # what comes takes long, and may be broken off
        for runtime, times in _latencies(paths, threads, seconds).items():
            for title, ms in times.items():
                rows[title][f"{runtime}_ms"] = ms
    _show(rows, found["agreement"])
    write_json(out, found)


def _files(subject: Subject, folder: Path) -> tuple[dict[str, Path], dict[str, Row]]:
    """Model files by title, and the first figures of each."""
    from evolution.bundle.choice import Choice
    from evolution.bundle.int8 import quantise
    from evolution.bundle.mixed import halve
    from evolution.bundle.subject import kept_by

    kept = {"int8": subject.task.exact_in_int8}
    if kept["int8"]:
        kept["int8 whole"] = ()
    paths = {title: folder / f"{title.replace(' ', '-')}.onnx"
             for title in ("fp32", "fp16", *kept)}
    subject.export(paths["fp32"], Choice())
    halve(paths["fp32"], paths["fp16"], "fp16", kept_by(subject.task.exact_in_half))
    quantised = {title: quantise(paths["fp32"], paths[title], subject.task.calibration,
                                 kept_by(parts)) for title, parts in kept.items()}
    return paths, {title: {"size_bytes": float(path.stat().st_size),
                           "quantised_convolutions": float(quantised.get(title, 0))}
                   for title, path in paths.items()}


def _alone(subject: Subject, model: Path, rows: dict[str, Row]) -> dict[str, Path]:
    """Files in which one part is int8, by title; their rows are begun."""
    import onnx

    from evolution.bundle.int8 import quantise
    from evolution.bundle.subject import kept_by

    nodes = [node.name for node in onnx.load(model).graph.node if node.op_type == "Conv"]
    found: dict[str, Path] = {}
    for part in dict.fromkeys(_part(name) for name in nodes):
        inside = kept_by((part, f"{part}.*"))
        title, path = f"int8 {part} alone", model.with_name(f"part-{part}.onnx")
        count = quantise(model, path, subject.task.calibration, partial(_outside, inside))
        rows[title] = {"size_bytes": float(path.stat().st_size),
                       "quantised_convolutions": float(count)}
        found[title] = path
    return found


def _outside(inside: Callable[[str], bool], name: str) -> bool:
    return not inside(name)


def _part(name: str) -> str:
    """``layers.3`` of ``layers.3.expand/Conv_17``, ``fnet`` of ``fnet.stem/Conv_2``."""
    first, _, rest = name.rpartition("/")[0].partition(".")
    number = rest.partition(".")[0]
    return f"{first}.{number}" if number.isdigit() else first


def _accuracy(subject: Subject, path: Path, threads: int) -> Row:
    from evolution.bundle.here import onnx_predict
    from evolution.bundle.standalone import difference

    predict = onnx_predict(path, threads)
    outputs = [predict(inputs) for inputs in subject.task.inputs]
    truths = [subject.truth(inputs) for inputs in subject.task.inputs]
    pairs = list(zip(outputs, truths, strict=True))
    return {
        **subject.task.score(outputs),
        "largest_difference": max(difference("largest", *pair) for pair in pairs),
        "mean_difference": float(np.mean([difference("mean", *pair) for pair in pairs])),
    }


def _agreement(subject: Subject, folder: Path, run: Path, threads: int) -> dict[str, float]:
    """Largest relative difference of fp32 outputs from PyTorch, by format."""
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
                          for inputs in subject.task.inputs)
    return found


def _latencies(paths: Mapping[str, Path], threads: int, seconds: float) -> dict[str, Row]:
    """Median in ms by runtime and file; what a runtime refuses is said and left out."""
    from benchmarks._runtimes import cpu_runtimes
    from luts.errors import UserError
    from profiler.lock import device_lock
    from profiler.timing import measure_interleaved

    found: dict[str, Row] = {}
    for runtime in cpu_runtimes():
        taken = {}
        for title, path in paths.items():
            try:
                runtime.open(path, threads=threads).close()
                taken[title] = path
            except UserError as error:
                print(f"{runtime.name}, {title}: {error}")
        with device_lock("cpu", wait_s=600):
            measured = measure_interleaved(taken, threads=threads, max_seconds=seconds,
                                           runtime=runtime) if taken else {}
        found[runtime.name] = {title: times.median_ms for title, times in measured.items()}
    return found


def _show(rows: Mapping[str, Row], agreement: Any) -> None:
    from benchmarks._figures import show

    titles = list(dict.fromkeys(title for row in rows.values() for title in row))
    show("precisions", ("", *titles),
         [[name, *(f"{row[title]:.5g}" if title in row else "-" for title in titles)]
          for name, row in rows.items()])
    for form, apart in agreement.items():
        print(f"{form} in fp32 differs from PyTorch by {apart:.2g} of the largest output")


if __name__ == "__main__":
    cli.run(main)
