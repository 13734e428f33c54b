"""Trains the reference (the teacher) and the supernet of a recipe."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luts import cli

if TYPE_CHECKING:
    import torch

    from supernet.training.settings import TrainingSettings
    from supernet.training.stage import Start


class Network(StrEnum):
    """What can be trained."""

    reference = "reference"
    supernet = "supernet"
    both = "both"


def main(
    recipe: Annotated[str, typer.Option(help="Recipe to train.")] = "flownas-small",
    network: Annotated[Network, typer.Option(help="What to train.")] = Network.both,
    out: Annotated[Path | None, typer.Option(help="Folder [runs/train-RECIPE].")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps [the recipe's].")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Pairs a step [the recipe's].")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of data, weights, sampling.")] = 0,
    photos: Annotated[
        Path | None, typer.Option(help="Folder of photographs [those of installed packages].")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads [all].")] = None,
    start_from: Annotated[
        str | None,
        typer.Option(help="Go on from the weights of this training folder, or 'shipped'."),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to train: cpu, or cuda:0.")] = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes that render pairs.")] = 1,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 250,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a stop.")] = False,
) -> None:
    """Trains a recipe's reference network, then its supernet with the reference as teacher.

    Flow pairs are rendered while training. Everything is kept in a folder from which --resume
    goes on to the same result; tensorboard --logdir FOLDER shows the curves.

    Examples:
      python -m supernet.train
      python -m supernet.train --recipe flownas-small --steps 20000 --photos ~/pictures
      python -m supernet.train --network supernet --resume
      python -m supernet.train --start-from shipped --seed 1 --out runs/longer
      python -m supernet.train --device cuda:0 --workers 14 --batch 8 --steps 20000
    """
    from luts.files import safe_name, writable_folder
    from luts.recipes import read_recipe

    plan = read_recipe(recipe)
    from supernet.training.settings import training_settings

    section: dict[str, Any] = dict(plan.get("training", {}))
    section |= {k: v for k, v in (("steps", steps), ("batch", batch)) if v is not None}
    settings = training_settings(recipe, section)
    folder = writable_folder(out or Path("runs") / f"train-{safe_name(recipe, 'recipe')}")
    from supernet.training.allocator import keep_freed_memory
    from supernet.training.threads import prepare_thread, training_device

    place = training_device(device)
    keep_freed_memory()
    prepare_thread(threads)
    stages = ["reference", "supernet"] if network is Network.both else [network.value]
    for stage in stages:
        _train_stage(
            recipe, stage, folder, settings, seed, photos, save_every, resume, place, workers,
            "shipped" if start_from == "shipped" else Path(start_from) if start_from else None,
        )


def _train_stage(
    recipe: str, stage: str, folder: Path, settings: TrainingSettings, seed: int,
    photos: Path | None, save_every: int, resume: bool, device: torch.device, workers: int,
    start: Start,
) -> None:
    from luts.files import writable_folder
    from supernet.training.loop import TrainingRun, is_finished, train
    from supernet.training.progress import TrainingProgress
    from supernet.training.stage import make_stage

    held = make_stage(
        recipe, stage, folder, settings, seed, photos, device=device, workers=workers, start=start
    )
    run = TrainingRun(
        writable_folder(folder / stage), recipe, stage, settings, seed, held.extra, save_every
    )
    if is_finished(run):
        print(f"{stage} is trained already ({settings.steps} steps): {run.folder}")
        return
    with TrainingProgress(stage, settings.steps) as progress:
        last = train(
            run, held.rule, held.batches, resume=resume, report=progress.report,
            validate=held.validate,
        )
    figures = "  ".join(f"{key} {value:.4g}" for key, value in last.items())
    print(f"{stage} trained: {figures}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main, resumable=True)
