"""How many pairs a second are rendered, and how many does a trainer need?

    python -m benchmarks.rendering_speed --log docs/training/flownas-small-supernet.jsonl

Each renderer makes whole batches of a recipe's size, on one thread of the CPU or on a GPU. The need
is the batch over the seconds of a training step, from a training's log or as given.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._figures import show
from luts import cli
from luts.errors import UserError
from luts.files import writable_folder, write_json


def main(
    recipe: Annotated[str, typer.Option(help="Gives size and batch.")] = "flownas-small",
    *,
    log: Annotated[Path | None, typer.Option(help="Journal of a training, log.jsonl.")] = None,
    step_seconds: Annotated[float | None, typer.Option(help="Seconds a training step.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Pairs a step [the recipe's].")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="Rendering of each renderer.")] = 10.0,
    device: Annotated[str, typer.Option(help="cpu, or cuda:0.")] = "cpu",
    out: _arguments.JsonFile = Path("runs/rendering-speed.json"),
) -> None:
    """Rendered pairs a second, beside a trainer's need."""
    import torch

    from supernet.data.photos import bundled_photos
    from supernet.data.render import RENDERERS, RenderSettings, render_batch
    from supernet.training.settings import rendered_settings
    from supernet.training.threads import training_device

    if log is not None and step_seconds is None:
        step_seconds = _step_seconds(log)
    settings = rendered_settings(recipe)
    pairs = batch or settings.batch
    place, photos = training_device(device), bundled_photos()
    torch.set_num_threads(1)
    need = pairs / step_seconds if step_seconds else None
    rows, held = [], {}
    for name in RENDERERS:
        size = RenderSettings(settings.render.height, settings.render.width, version=name)
        for seed in range(2):
            render_batch(photos, size, pairs, seed, place)
        times, began, seed = [], time.perf_counter(), 2
        while time.perf_counter() - began < seconds:
            before = time.perf_counter()
            # Fetching a number waits for the device.
            float(render_batch(photos, size, pairs, seed, place).flow.sum())
            times.append(time.perf_counter() - before)
            seed += 1
        rate = pairs / float(np.median(times))
        held[name] = {"pairs_per_s": rate, "batches": len(times)}
        rows.append([name, f"{rate:.1f}", f"{need:.1f}" if need else "-",
                     f"{need / rate:.2f}" if need else "-"])
    show(f"{pairs} pairs of {settings.render.width}x{settings.render.height}, {device}",
         ["renderer", "pairs/s", "pairs/s needed", "processes needed"], rows)
    writable_folder(out.parent)
    write_json(out, {"recipe": recipe, "batch": pairs, "device": device, "need_per_s": need,
                     "renderers": held})


def _step_seconds(log: Path) -> float:
    if not log.is_file():
        raise UserError(f"no journal '{log}'")
    found = [json.loads(line).get("seconds_per_step") for line in log.read_text().splitlines()]
    known = [value for value in found if value]
    if not known:
        raise UserError(f"'{log}' holds no seconds_per_step")
    return float(np.median(known))


if __name__ == "__main__":
    cli.run(main)
