"""Trains the reference (the teacher) and the supernet of a recipe, or a network on its own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luts import arguments, cli
from luts.errors import UserError

if TYPE_CHECKING:
    from supernet.training.starting import Start


class Network(StrEnum):
    """What can be trained."""

    reference = "reference"
    supernet = "supernet"
    both = "both"


def main(
    recipe: Annotated[str, typer.Option(help="Recipe to train.")] = "flownas-small",
    network: Annotated[Network, typer.Option(help="What to train.")] = Network.both,
    architecture: Annotated[
        str | None,
        typer.Option(help="Train this network alone: largest, smallest, a baseline or published "
                          "one (raft-small, flownas-raft-k), JSON text or a JSON file."),
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="Stage of the recipe [all of them, one after the other].")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="What to train on: a folder of data, or by name (flow: rendered; "
                          "classification: digits, fashion-mnist) [the recipe's].")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder [runs/train-RECIPE].")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps [the recipe's].")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Examples a step [the recipe's].")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another training setting, such as ema=0.999 or fad.pool=mean; "
                                   "repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of data, weights, sampling.")] = 0,
    photos: Annotated[
        Path | None, typer.Option(help="Folder of photographs [those of installed packages].")
    ] = None,
    threads: arguments.TrainingThreads = None,
    start_from: Annotated[
        str | None,
        typer.Option(help="Go on from the weights of this training folder, or 'shipped'."),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Training folder whose reference teaches, or 'shipped' [--out]."),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where to train: cpu, cuda:0; under torchrun cpu or cuda.")
    ] = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes that make batches.")] = 1,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 250,
    resume: arguments.ResumeTraining = False,
) -> None:
    """Trains a recipe's reference network, then its supernet with the reference as teacher.

    Data are rendered, come with a package, or are read from a folder. Everything is kept
    in a folder from which --resume goes on to the same result; tensorboard --logdir FOLDER shows
    the curves. Recipes with stages keep each in a folder of its own, which begins with the weights
    of the one before.

    Examples:
      python -m supernet.train
      python -m supernet.train --recipe flownas-small --steps 20000 --photos ~/pictures
      python -m supernet.train --data ~/pairs --start-from shipped --out runs/mine
      python -m supernet.train --network supernet --resume
      python -m supernet.train --start-from shipped --seed 1 --out runs/longer
      python -m supernet.train --recipe flownas --architecture flownas-raft-k --data datasets
      python -m supernet.train --network supernet --teacher shipped --set fad.taps=[4]
      python -m supernet.train --device cuda:0 --workers 14 --batch 8 --steps 20000
      python -m supernet.train --recipe bn-nas-small --data cifar10
      torchrun --nproc-per-node 4 -m supernet.train --device cuda --batch 32
    """
    from luts.files import safe_name, writable_folder
    from luts.recipes import read_recipe

    if architecture is not None and network is not Network.both:
        raise UserError("give --network or --architecture, not both")
    plan = read_recipe(recipe)
    from supernet.tasks.base import task_of
    from supernet.training.overrides import overrides
    from supernet.training.place import check_place
    from supernet.training.plan import Plan

    task = task_of(recipe)
    named = data if data in task.named_data else None
    section = overrides(plan.get("training", {}), changes or [], steps, batch, named)
    place_of_data = Path(data) if data is not None and named is None else None
    if place_of_data is not None:
        task.check_data(recipe, section, stage, place_of_data)
    folder = out or Path("runs") / f"train-{safe_name(recipe, 'recipe')}"
    check_place(folder)
    made = Plan(
        recipe, section, writable_folder(folder), seed, photos, workers, save_every, resume,
        start=_weights(start_from), teacher=_weights(teacher), stage=stage,
        data=place_of_data,
    )
    from supernet.processes import join_processes
    from supernet.training.allocator import keep_freed_memory
    from supernet.training.threads import prepare_thread, training_device

    place = training_device(join_processes(device))
    keep_freed_memory()
    prepare_thread(threads)
    if architecture is not None:
        made.train([architecture], place, alone=True)
    elif network is Network.both:
        made.train(["reference", "supernet"], place)
    else:
        made.train([network.value], place)


def _weights(given: str | None) -> Start:
    return "shipped" if given == "shipped" else Path(given) if given else None


if __name__ == "__main__":
    cli.run(main, resumable=True)
