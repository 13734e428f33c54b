"""RAFT's updates written out or as an ONNX ``Loop``: which do runtimes run faster?

    python -m benchmarks.loop_form --recipe flownas-small

Exports the reference of each recipe in both forms, compares them with PyTorch, and times both in
turns with every runtime that is installed here. Latencies mean something on a machine that does
nothing else.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import _arguments
from luts import arguments, cli

if TYPE_CHECKING:
    from profiler.runtimes import Runtime
    from supernet.hand_over import Array, Inputs
    from supernet.raft.space import FlowSpace

FORMS = ("unrolled", "loop")


def main(
    recipes: Annotated[
        list[str] | None, typer.Option("--recipe", help="Recipes of flow. Default: all of them.")
    ] = None,
    threads: arguments.OperatorThreads = 1,
    seconds: _arguments.SecondsEach = 20.0,
    out: _arguments.JsonFile = Path("runs/loop_form.json"),
) -> None:
    """Latency, time to load, and size of both forms."""
    from luts.files import writable_folder, write_json

    writable_folder(out.parent)
    rows: list[dict[str, Any]] = []
    for recipe in recipes or _flow_recipes():
        with tempfile.TemporaryDirectory() as name:
            rows += _compare(recipe, Path(name), threads, seconds)
        write_json(out, {"threads": threads, "forms": rows})  # the next one may be broken off
    _show(rows)


def _flow_recipes() -> list[str]:
    from luts.recipes import read_recipe, recipe_names

    return [name for name in recipe_names() if read_recipe(name)["task"] == "optical_flow"]


def _flow_space(recipe: str) -> FlowSpace:
    from luts.errors import UserError
    from luts.spaces import load_space
    from supernet.raft.space import FlowSpace

    space = load_space(recipe)
    if not isinstance(space, FlowSpace):
        raise UserError(f"--recipe {recipe}: only networks of flow have a loop; choose one of "
                        f"{', '.join(_flow_recipes())}")
    return space


def _compare(recipe: str, folder: Path, threads: int, seconds: float) -> list[dict[str, Any]]:
    import torch

    from benchmarks._runtimes import cpu_runtimes
    from supernet.export import INPUTS, export_network
    from supernet.looped import export_looped

    torch.set_num_threads(threads)
    space = _flow_space(recipe)
    height, width = space.input_height, space.input_width
    torch.manual_seed(0)
    network = space.build_reference().eval()
    paths = {form: folder / f"{form}.onnx" for form in FORMS}
    export_network(network, paths["unrolled"], height, width, space.lower_reference())
    export_looped(network, paths["loop"], height, width)
    frames = [255 * torch.rand(1, 3, height, width) for _ in INPUTS]
    inputs = {name: frame.numpy() for name, frame in zip(INPUTS, frames, strict=True)}
    with torch.no_grad():
        truth = network(*frames).numpy()
    rows = []
    for runtime in cpu_runtimes():
        loaded = [_load(runtime, form, path, threads, inputs, truth)
                  for form, path in paths.items()]
        found = {row["form"]: row for row in loaded if row}
        for form, ms in _latencies(
            runtime, {form: paths[form] for form in found}, threads, seconds
        ).items():
            rows.append({"recipe": recipe, "runtime": runtime.name, **found[form],
                         "latency_ms": ms})
    return rows


def _load(
    runtime: Runtime, form: str, path: Path, threads: int, inputs: Inputs, truth: Array
) -> dict[str, Any]:
    """Time to load, size, and difference from PyTorch with that runtime; empty if it refuses."""
    from evolution.bundle.here import predict_with
    from evolution.bundle.standalone import difference
    from luts.errors import UserError

    start = perf_counter()
    try:
        runtime.open(path, threads=threads).close()
        load_s = perf_counter() - start
        predict = predict_with(runtime.name, path, threads)
    except UserError as error:
        print(f"{runtime.name}, {form}: {error}")
        return {}
    return {"form": form, "load_s": load_s, "size_bytes": path.stat().st_size,
            "difference": difference("largest", predict(inputs), truth)}


def _latencies(
    runtime: Runtime, paths: dict[str, Path], threads: int, seconds: float
) -> dict[str, float]:
    from profiler.lock import device_lock
    from profiler.timing import measure_interleaved

    if not paths:
        return {}
    with device_lock("cpu", wait_s=600):
        measured = measure_interleaved(paths, threads=threads, max_seconds=seconds,
                                       runtime=runtime)
    return {form: times.median_ms for form, times in measured.items()}


def _show(rows: list[dict[str, Any]]) -> None:
    from benchmarks._figures import show

    show("updates written out, or a loop",
         ("recipe", "runtime", "form", "latency ms", "load s", "MiB", "from PyTorch"),
         [[row["recipe"], row["runtime"], row["form"], f"{row['latency_ms']:.2f}",
           f"{row['load_s']:.2f}", f"{row['size_bytes'] / 2**20:.2f}", f"{row['difference']:.1e}"]
          for row in rows])


if __name__ == "__main__":
    cli.run(main)
