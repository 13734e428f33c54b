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

from luts import cli

if TYPE_CHECKING:
    from supernet.raft.space import FlowSpace


def main(
    recipes: Annotated[
        list[str] | None, typer.Option("--recipe", help="Recipes of flow. Default: all of them.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads within one operator.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="To time each file for.")] = 20.0,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/loop_form.json"),
) -> None:
    """Latency, time to load, and size of both forms."""
    from luts.files import writable_folder, write_json

    writable_folder(out.parent)
    rows: list[dict[str, Any]] = []
    for recipe in recipes or _flow_recipes():
        with tempfile.TemporaryDirectory() as name:
            rows += _compare(recipe, Path(name), threads, seconds)
    _show(rows)
    write_json(out, {"threads": threads, "forms": rows})


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

    from evolution.bundle.formats import onnx_predict
    from evolution.bundle.standalone import difference
    from luts.errors import UserError
    from profiler.lock import device_lock
    from profiler.runtimes import load_runtime
    from profiler.timing import measure_interleaved
    from supernet.export import INPUTS, export_network
    from supernet.looped import export_looped

    torch.set_num_threads(threads)
    space = _flow_space(recipe)
    height, width = space.input_height, space.input_width
    torch.manual_seed(0)
    network = space.build_reference().eval()
    paths = {form: folder / f"{form}.onnx" for form in ("unrolled", "loop")}
    export_network(network, paths["unrolled"], height, width, space.lower_reference())
    export_looped(network, paths["loop"], height, width)
    frames = [255 * torch.rand(1, 3, height, width) for _ in INPUTS]
    inputs = {name: frame.numpy() for name, frame in zip(INPUTS, frames, strict=True)}
    with torch.no_grad():
        truth = network(*frames).numpy()
    rows = []
    for name in ("onnxruntime", "openvino"):
        try:
            runtime = load_runtime(name)
        except UserError as error:
            print(f"{name}: {error}")
            continue
        for form, path in paths.items():
            start = perf_counter()
            runtime.open(path, threads=threads).close()
            rows.append({
                "recipe": recipe, "runtime": name, "form": form, "load_s": perf_counter() - start,
                "size_bytes": path.stat().st_size, "difference": difference(
                    "largest", onnx_predict(path, threads)(inputs), truth),
            })
        with device_lock("cpu", wait_s=600):
            measured = measure_interleaved(paths, threads=threads, max_seconds=seconds,
                                           runtime=runtime)
        for row in rows[-2:]:
            row["latency_ms"] = measured[row["form"]].median_ms
    return rows


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title="updates written out, or a loop")
    for title in ("recipe", "runtime", "form", "latency ms", "load s", "MiB", "from PyTorch"):
        shown.add_column(title)
    for row in rows:
        shown.add_row(row["recipe"], row["runtime"], row["form"], f"{row['latency_ms']:.2f}",
                      f"{row['load_s']:.2f}", f"{row['size_bytes'] / 2**20:.2f}",
                      f"{row['difference']:.1e}")
    Console().print(shown)


if __name__ == "__main__":
    cli.run(main)
