"""What a score without data costs beside one with data, for a supernet of BN-NAS.

    python -m benchmarks.indicator_speed --weights runs/train-bn-nas-small

Scores random architectures by the indicator one by one, as a search does, and all at once; and a
few on held-out images, as a search would. The ratio is over the first: what is read off the
weights once, whatever the number of architectures, is told apart. Then counts the steps of a full
training that cost as much as one of norms alone.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from luts import arguments, cli
from luts.errors import UserError

if TYPE_CHECKING:
    from supernet.indicator import IndicatorSpace


def main(
    weights: Annotated[Path, typer.Option(help="Training folder with a supernet.")],
    recipe: Annotated[str, typer.Option(help="Its recipe.")] = "bn-nas-small",
    count: Annotated[int, typer.Option(min=1, help="Architectures by indicator.")] = 10_000,
    evaluated: Annotated[int, typer.Option(min=1, help="Architectures on images.")] = 10,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of each kind.")] = 5,
    threads: arguments.TrainingThreads = None,
) -> None:
    """Seconds an architecture, with and without data, and seconds a training step."""
    from luts.spaces import load_space
    from supernet.indicator import IndicatorSpace
    from supernet.training.threads import prepare_thread

    prepare_thread(threads)
    space = load_space(recipe)
    if not isinstance(space, IndicatorSpace):
        raise UserError(f"--recipe {recipe}: its space has no indicator; give bn-nas-small")
    found = {**scoring_s(space, weights, count, evaluated), **training_s(space, weights, steps)}
    found["evaluation_over_indicator"] = found["evaluation_s"] / found["indicator_s"]
    found["full_over_norms_step"] = found["full_step_s"] / found["norms_step_s"]
    print(json.dumps(found, indent=2))


def scoring_s(
    space: IndicatorSpace, weights: Path, count: int, evaluated: int
) -> dict[str, float]:
    """Seconds for one architecture by the indicator and on images, and for its table."""
    import torch

    from supernet.indicator import block_scores, indicator
    from supernet.tasks.base import task_of
    from supernet.training.image_stage import trained_with
    from supernet.weights import load_part

    supernet, _ = load_part(space, "supernet", weights)
    vectors = space.sample(np.random.default_rng(0), count)
    architectures = [space.decode(vector) for vector in vectors]
    marks = [time.perf_counter()]
    scores = block_scores(space, supernet)
    marks.append(time.perf_counter())
    for architecture in architectures:
        indicator(scores, np.asarray(space.encode(architecture))[None])
    marks.append(time.perf_counter())
    indicator(scores, vectors)
    marks.append(time.perf_counter())
    settings, place = trained_with(space, weights)
    judge = task_of(space.name).judge(space.name, settings, None, torch.device("cpu"), place)
    began = time.perf_counter()
    for architecture in architectures[:evaluated]:
        judge.score(space.inherit(supernet, architecture))
    by_images = (time.perf_counter() - began) / min(evaluated, count)
    table, one_by_one, at_once = np.diff(marks).tolist()
    return {"table_s": table, "indicator_s": one_by_one / count,
            "indicator_at_once_s": at_once / count, "evaluation_s": by_images}


def training_s(space: IndicatorSpace, weights: Path, steps: int) -> dict[str, float]:
    """Median seconds of a step that trains all weights, and of one that trains norms alone."""
    import torch

    from supernet.training.image_stage import trained_with
    from supernet.training.label_rules import SupernetLabelRule, freeze_but_indicator

    settings, _ = trained_with(space, weights)
    shape = (settings.batch, 3, space.input_height, space.input_width)
    batch = _batch(torch.rand(shape) * 255, torch.zeros(settings.batch, dtype=torch.long))
    found = {}
    for name in ("full", "norms"):
        network = space.build_supernet().train()
        if name == "norms":
            freeze_but_indicator(space, network)
        rule = SupernetLabelRule(space, network, None, settings)
        times = []
        for step in range(steps + 1):
            began = time.perf_counter()
            rule.backward(batch, np.random.default_rng(step))
            times.append(time.perf_counter() - began)
        found[f"{name}_step_s"] = float(np.median(times[1:]))
    return found


def _batch(images: Any, labels: Any) -> Any:
    from supernet.data.images.source import ImageBatch

    return ImageBatch(images, labels)


if __name__ == "__main__":
    cli.run(main)
