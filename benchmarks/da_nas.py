"""What growing data and pruning save, and whether early pruning decisions are right.

    python -m benchmarks.da_nas --data cifar10_subset --seeds 3
    python -m benchmarks.da_nas --steps 60 --alone-steps 40 --seeds 1     # a trial

Per seed, one reference tells which classes are easy, and three supernets of the same recipe are
trained with the same number of epochs:

- "grown and pruned": DA-NAS's stages;
- "grown": the same stages, nothing is removed, so that all choices are scored with few classes and
  with all of them;
- "plain": all classes and all choices from the first step to the last.

Cost is steps, images and seconds of the processor. The likeliest architecture of each is trained
alone for the same short time. Rank correlations are Kendall's tau over the choices of all layers
together: of the scores of a stage with those of the next one and of the last one (which go on from
the same logits, so that they agree even where classes teach nothing), and with the plain search's,
of the same seed and of others. The plain search's own scores of two seeds bound the latter. All
scores are compared with the cost of choices too: what agrees because the loss dislikes
multiply-adds (`pruning.cost`) is no decision of the data. What was trained is kept: a call that was
stopped goes on where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from benchmarks import _arguments
from benchmarks._pruning_figures import (
    BOTH,
    GROWN,
    PLAIN,
    best_kept,
    cheapness,
    correlations,
    over_seeds,
    show_result,
)
from benchmarks._trainings import Trainer, cost_of_training, journal_of
from luts import cli
from luts.errors import UserError

if TYPE_CHECKING:
    from supernet.space import SearchSpace
    from supernet.training.image_settings import ImageSettings


def main(
    recipe: Annotated[str, typer.Option(help="Recipe with training.pruning.")] = "da-nas-small",
    data: _arguments.Images = None,
    seeds: _arguments.Repetitions = 3,
    steps: Annotated[
        int | None, typer.Option(min=4, help="Steps of the grown supernets [the recipe's].")
    ] = None,
    alone_steps: Annotated[
        int, typer.Option(min=1, help="Steps of the reference, and of what was found, alone.")
    ] = 1500,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as batch=32.")
    ] = None,
    threads: _arguments.Cores = 1,
    out: _arguments.Folder = Path("runs/da_nas"),
) -> None:
    """Training cost of DA-NAS against a plain search, and rank correlation of its decisions.

    Three supernets, a reference and three networks alone per seed: with the recipe's 3000 steps of
    128 images about three hours on one core (0.7 s a step). A call that was stopped goes on.
    """
    from luts.files import writable_folder, write_json
    from supernet.training.threads import prepare_thread

    own = tuple(changes or []) + (() if steps is None else (f"steps={steps}",))
    if not _settings(recipe, own).pruning.used:
        raise UserError(f"--recipe {recipe} has no training.pruning; give da-nas-small, or "
                        "--set pruning.shares=[...]")
    writable_folder(out)
    prepare_thread(threads)
    found = []
    for seed in range(seeds):
        found.append(_seed(Trainer(recipe, data, own, seed), out / f"seed{seed}", alone_steps))
        result = {"recipe": recipe, "data": data, "changes": own, "alone_steps": alone_steps,
                  "threads": threads, "seeds": found, **over_seeds(found)}
        write_json(out / "da_nas.json", result)
    show_result(result)
    print(f"written: {out / 'da_nas.json'}")


def _settings(recipe: str, changes: Sequence[str]) -> ImageSettings:
    """A recipe's training section with changes, if it is of classification."""
    from luts.recipes import read_recipe
    from supernet.tasks.base import task_of
    from supernet.training.overrides import overrides

    text = read_recipe(recipe)
    if text["task"] != "classification":
        raise UserError(f"--recipe {recipe} is of {text['task']}; give one of classification")
    section = overrides(text["training"], changes)
    return cast("ImageSettings", task_of(recipe).settings(recipe, section))


def _seed(trainer: Trainer, folder: Path, alone_steps: int) -> dict[str, Any]:
    """Trains everything of one seed."""
    from luts.spaces import load_space

    settings = _settings(trainer.recipe, trainer.changes)
    space = cast("SearchSpace", load_space(trainer.recipe))
    short = [f"steps={alone_steps}"]
    reference = trainer.train("reference", folder, short)
    result: dict[str, Any] = {"seed": trainer.seed,
                              "reference": cost_of_training(reference, settings.batch)}
    result["class_order"], variants = None, {}
    for name, changes in _variants(settings, _classes(reference)).items():
        place = trainer.train("supernet", folder / name.replace(" ", "-"), changes, teacher=folder)
        variants[name] = _variant(space, place, settings)
        chosen = json.dumps(variants[name]["likeliest"])
        alone = trainer.train(chosen, folder / "alone", short, alone=True)
        variants[name]["alone_error"] = journal_of(alone)[-1]["validation_error"]
    result["variants"] = variants
    result["class_order"] = variants[BOTH].pop("class_order")
    likeliest = space.encode(space.architecture(variants[PLAIN]["likeliest"]))
    result["correlations"] = correlations(
        {name: variants[name]["stages"] for name in variants}, cheapness(space, likeliest))
    result["best_kept"] = best_kept(variants)
    return result


def _classes(reference: Path) -> int:
    from luts.files import read_json
    from supernet.training.run import RUN_FILE

    return int(read_json(reference / RUN_FILE)["classes"])


def _variants(settings: ImageSettings, classes: int) -> dict[str, list[str]]:
    """Settings of each supernet; the plain one has the epochs of all stages together."""
    from supernet.training.growth import plain_steps

    pruning = settings.pruning
    epochs = pruning.epochs * len(pruning.shares)
    return {
        BOTH: [],
        GROWN: ["pruning.ratio=0"],
        PLAIN: ["pruning.shares=[1.0]", "pruning.ratio=0", f"pruning.epochs={epochs}",
                f"steps={plain_steps(pruning, settings.steps, classes)}"],
    }


def _variant(space: SearchSpace, folder: Path, settings: ImageSettings) -> dict[str, Any]:
    from luts.files import read_json
    from supernet.training.pruning_record import PRUNING_FILE, pruned_stages
    from supernet.training.run import RUN_FILE
    from supernet.training.sampling import gflops

    stages = pruned_stages(folder / PRUNING_FILE)
    last = stages[-1]["scores"]
    likeliest = {name: int(max(own, key=lambda value: own[value])) for name, own in last.items()}
    vector = space.encode(space.architecture(likeliest))
    return {
        **cost_of_training(folder, settings.batch), "stages": stages, "likeliest": likeliest,
        "gflops": gflops(space, vector),
        "class_order": read_json(folder / RUN_FILE)["class_order"],
    }


if __name__ == "__main__":
    cli.run(main, repeatable=True)
