"""Engines built for GPUs that are not here: does every network parse and build, and at what cost?

    python -m benchmarks.build_ahead --networks 20

Draws networks of the recipes' spaces and builds an engine of each for named compute capabilities
(8.6 is the RTX 3090's, 8.9 the RTX 4090's) with TensorRT for RTX, which needs no GPU for that.
Resumes where it was stopped.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.files import Journal, writable_folder, write_json


def main(
    recipes: Annotated[
        list[str] | None, typer.Option("--recipe", help="Recipes of the spaces.")
    ] = None,
    networks: Annotated[int, typer.Option(min=1, help="Networks of each space.")] = 20,
    capabilities: Annotated[
        list[str] | None, typer.Option("--capability", help="CUDA compute capabilities.")
    ] = None,
    seed: arguments.DrawsSeed = 3,
    out: _arguments.JsonFile = Path("runs/build_ahead.json"),
) -> None:
    """Build time and size of engines for GPUs that are not here."""
    from luts.spaces import load_space
    from profiler.runtimes import load_runtime

    runtime: Any = load_runtime("tensorrt_rtx")
    writable_folder(out.parent)
    journal = Journal(out.with_suffix(".jsonl"))
    done = {(r["recipe"], tuple(r["vector"]), r["capability"]) for r in journal.records}
    wanted = capabilities or ["8.6", "8.9"]
    with tempfile.TemporaryDirectory() as name:
        model, engine = Path(name) / "model.onnx", Path(name) / "engine"
        for recipe in recipes or ["flownas-small", "flownas"]:
            space = load_space(recipe)
            for vector in space.sample(np.random.default_rng(seed), networks):
                choices = tuple(int(i) for i in vector)
                left = [c for c in wanted if (recipe, choices, c) not in done]
                if left:
                    space.export_onnx(space.decode(vector), model)
                for capability in left:
                    built = runtime.build_ahead(model, engine, capability)
                    journal.append({
                        "recipe": recipe, "vector": choices, "capability": capability,
                        "seconds": built.seconds, "size_bytes": built.size_bytes,
                    })
                    print(f"{recipe}\t{capability}\t{built.seconds:.1f} s\t"
                          f"{built.size_bytes / 2**20:.1f} MiB", flush=True)
    journal.close()
    _show(journal.records)
    write_json(out, {"runtime": runtime.version(), "seed": seed, "engines": journal.records})


def _show(records: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title="engines built ahead")
    for title in ("recipe", "capability", "engines", "build s, median", "largest",
                  "size MiB, median", "largest"):
        shown.add_column(title)
    for recipe, capability in sorted({(r["recipe"], r["capability"]) for r in records}):
        own = [r for r in records if (r["recipe"], r["capability"]) == (recipe, capability)]
        seconds = [r["seconds"] for r in own]
        sizes = [r["size_bytes"] / 2**20 for r in own]
        shown.add_row(recipe, capability, str(len(own)), f"{np.median(seconds):.1f}",
                      f"{max(seconds):.1f}", f"{np.median(sizes):.1f}", f"{max(sizes):.1f}")
    Console().print(shown)


if __name__ == "__main__":
    cli.run(main)
