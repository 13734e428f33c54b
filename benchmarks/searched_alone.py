"""What was searched against a random network within the same budget and the hand-picked baseline.

    python -m benchmarks.searched_alone --data cifar10_subset --seeds 3 --parallel 2
    python -m benchmarks.searched_alone --recipe bn-nas-small --steps 30 --alone-steps 20 --seeds 1

For each recipe and seed the supernet is trained and searched, by the same commands for all, and one
architecture is drawn at random within the same limits. Both are measured as any winner is. Both are
trained alone from fresh weights as the baseline was that stands in the middle of the space (it is
the reference of the recipe, so it comes first), and scored on images that neither a training nor a
search has seen. What is finished is kept, so a call that was stopped goes on where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._commands import Command, carry_out, printed
from benchmarks._figures import show
from evolution.result import Result, load_result
from evolution.run import STRUCK
from luts import cli
from luts.files import writable_folder, write_json

RECIPES = ("bn-nas-small", "parsec-chain-small", "fp-nas-darts-small", "da-nas-small")
SEARCHES = {"searched": (), "random": ("--strategy", "random", "--evaluations", "1")}
"""How each of the two architectures of a seed is proposed."""
BASELINE = "baseline"


def main(
    recipes: Annotated[
        list[str] | None,
        typer.Option("--recipe",
                     help=f"Recipe of classification; repeatable [{', '.join(RECIPES)}]."),
    ] = None,
    data: _arguments.Images = None,
    target: Annotated[str, typer.Option(help="Target that is this machine.")] = "cpu",
    latency: Annotated[str, typer.Option(help="Budget.")] = "100%",
    steps: Annotated[int, typer.Option(min=1, help="Steps of a supernet.")] = 3000,
    alone_steps: Annotated[int, typer.Option(min=1, help="Steps of a network alone.")] = 1000,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="A training setting of the supernets, such as "
                                   "parsec.rate=50; repeatable."),
    ] = None,
    seeds: _arguments.Repetitions = 3,
    parallel: Annotated[int, typer.Option(min=1, help="Trainings at once, a core each.")] = 1,
    out: _arguments.Folder = Path("runs/searched_alone"),
) -> None:
    """Errors of searched, random and hand-picked networks, trained alone alike, over seeds."""
    chosen = tuple(recipes or RECIPES)
    given = {recipe: _images(recipe, data) for recipe in chosen}
    _check(chosen, target, latency, changes or [])
    logs = writable_folder(out / "logs")
    works = {recipe: Work(recipe, given[recipe], target, out, tuple(changes or ()))
             for recipe in chosen}
    numbers = range(seeds)
    pairs = [(work, seed) for seed in numbers for work in works.values()]
    carry_out([work.baseline(seed, alone_steps) for work, seed in pairs], parallel, logs)
    carry_out([work.supernet(seed, steps) for work, seed in pairs], parallel, logs)
    for work in works.values():
        # Alone: all of these measure.
        for command in work.table():
            carry_out([command], 1, logs)
        for seed in numbers:
            carry_out([work.search(seed, name, latency) for name in SEARCHES], 1, logs)
    each = [(work, seed, network) for work, seed in pairs for network in (*SEARCHES, BASELINE)]
    carry_out([work.alone(seed, network, alone_steps) for work, seed in pairs
               for network in SEARCHES], parallel, logs)
    carry_out([work.score(seed, network) for work, seed, network in each], parallel, logs)
    found = [_found(work, seed, network, printed(work.score(seed, network), logs))
             for work, seed, network in each]
    write_json(out / "searched_alone.json", {
        "data": given, "target": target, "latency": latency, "steps": steps,
        "alone_steps": alone_steps, "changes": changes, "networks": found})
    _show(found, steps, alone_steps)
    print(f"written: {out / 'searched_alone.json'}")


def _check(recipes: Sequence[str], target: str, latency: str, changes: Sequence[str]) -> None:
    """Finds what is wrong with the arguments of later commands before hours of training."""
    from evolution.budget import parse_budget
    from luts.recipes import read_recipe
    from luts.target import load_target
    from supernet.tasks.base import task_of
    from supernet.training.overrides import overrides

    load_target(target)
    parse_budget(latency, 1.0, option="--latency")
    for recipe in recipes:
        section = overrides(read_recipe(recipe)["training"], changes)
        task_of(recipe).settings(recipe, section)


def _images(recipe: str, given: str | None) -> str:
    """What a recipe of classification is trained on: as given, or its own."""
    from luts.errors import UserError
    from luts.recipes import read_recipe
    from supernet.tasks.base import task_of

    text = read_recipe(recipe)
    if text["task"] != "classification":
        raise UserError(f"--recipe {recipe} is of {text['task']}; give one of {', '.join(RECIPES)}")
    named = given or str(text["training"]["data"])
    if given is None and named not in task_of(recipe).named_data:
        raise UserError(f"--recipe {recipe} names no images; give --data FOLDER")
    return named


class Work:
    """The commands for one recipe.

    Args:
        recipe: name.
        data: images, a folder or a name.
        target: name.
        out: folder.
        changes: training settings of the supernets.
    """

    def __init__(
        self, recipe: str, data: str, target: str, out: Path, changes: tuple[str, ...] = ()
    ) -> None:
        self.recipe, self.data, self.target, self.changes = recipe, data, target, changes
        self._out = out / recipe

    def _folder(self, seed: int, name: str) -> Path:
        return self._out / f"seed{seed}" / name

    def _name(self, seed: int, what: str) -> str:
        return f"{self.recipe}-seed{seed}-{what}"

    def _training(self, seed: int, name: str, steps: int, folder: str, *network: str) -> Command:
        return Command(self._name(seed, name), (
            "supernet.train", "--recipe", self.recipe, "--data", self.data, "--seed", str(seed),
            "--threads", "1", "--steps", str(steps), "--resume", *network,
            "--out", str(self._folder(seed, folder))))

    def baseline(self, seed: int, steps: int) -> Command:
        """Trains the reference, which may teach the supernet."""
        return self._training(seed, BASELINE, steps, "supernet", "--network", "reference")

    def supernet(self, seed: int, steps: int) -> Command:
        """Trains the supernet."""
        more = (word for change in self.changes for word in ("--set", change))
        return self._training(seed, "supernet", steps, "supernet", "--network", "supernet", *more)

    def table(self) -> list[Command]:
        """Measures the space and fits the predictor, in this order."""
        return [
            Command(f"{self.recipe}-table", ("profiler.build_lut", "--device", self.target,
                                             "--recipe", self.recipe, "--resume")),
            Command(f"{self.recipe}-fit", ("predictor.fit", "--target", self.target, "--recipe",
                                           self.recipe)),
        ]

    def search(self, seed: int, name: str, latency: str) -> Command:
        """Searches, or draws one, within the budget; and measures what was found."""
        return Command(self._name(seed, f"search-{name}"), (
            "evolution.run", "--target", self.target, "--recipe", self.recipe, "--seed", str(seed),
            "--latency", latency, "--weights", str(self._folder(seed, "supernet")), "--resume",
            "--out", str(self._folder(seed, f"search-{name}")), *SEARCHES[name],
        ), good=(0, STRUCK))

    def result(self, seed: int, name: str) -> Result:
        """Of a search."""
        return load_result(self._folder(seed, f"search-{name}"))

    def _architecture(self, seed: int, network: str) -> tuple[str, ...]:
        """As commands take it."""
        if network == BASELINE:
            return ("--reference",)
        return "--architecture", json.dumps(self.result(seed, network).best.architecture)

    def alone(self, seed: int, network: str, steps: int) -> Command:
        """Trains one network from fresh weights."""
        name = f"alone-{network}"
        return self._training(seed, name, steps, name, *self._architecture(seed, network))

    def score(self, seed: int, network: str) -> Command:
        """Scores one network on test images."""
        folder = "supernet" if network == BASELINE else f"alone-{network}"
        return Command(self._name(seed, f"score-{network}"), (
            "supernet.evaluate", "--recipe", self.recipe, "--data", self.data, "--split", "test",
            *self._architecture(seed, network), "--json",
            "--weights", str(self._folder(seed, folder))))


def _found(work: Work, seed: int, network: str, score: str) -> dict[str, Any]:
    found: dict[str, Any] = {"recipe": work.recipe, "seed": seed, "network": network,
                             **json.loads(score)["sets"][0]["mean"]}
    result = work.result(seed, "searched" if network == BASELINE else network)
    own = result.reference if network == BASELINE else result.best
    return found | {
        "latency_ms": own.measured_latency_ms, "parameters": own.parameters,
        "reference_latency_ms": result.reference.measured_latency_ms,
        "verified": network == BASELINE or result.verified,
    }


def _show(found: Sequence[dict[str, Any]], steps: int, alone_steps: int) -> None:
    rows = []
    for recipe in dict.fromkeys(one["recipe"] for one in found):
        for network in (*SEARCHES, BASELINE):
            own = [one for one in found if (one["recipe"], one["network"]) == (recipe, network)]
            errors = [one["error"] for one in own]
            ratios = [one["latency_ms"] / one["reference_latency_ms"] for one in own
                      if one["latency_ms"] is not None]
            rows.append([
                recipe, network, f"{np.mean(errors):.2f}",
                " ".join(f"{error:.1f}" for error in errors),
                f"{np.mean(ratios):.2f}" if ratios else "?",
                f"{np.mean([one['parameters'] for one in own]):,.0f}",
                f"{sum(one['verified'] for one in own)} of {len(own)}",
            ])
    show(f"trained alone for {alone_steps} steps, found by supernets of {steps}: test error in "
         "percent; latency measured, over the baseline's",
         ["recipe", "network", "error %", "by seed", "latency", "weights", "verified"], rows)


if __name__ == "__main__":
    cli.run(main, repeatable=True)
