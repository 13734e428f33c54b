"""The searched network against the hand-designed one, after equally long trainings.

    python -m benchmarks.equal_steps --data PAIRS --seeds 3 --parallel 2
    python -m benchmarks.equal_steps --data PAIRS --seeds 1 --steps 20 --evaluations 4    # a trial

For each seed: the reference (RAFT's encoder) is trained; the supernet is trained for as many steps,
with the distillation from that reference and without; each is searched for the best network that is
measured to be no slower than the reference, and the winner keeps the weights that it inherits. The
same reference trained for as long again tells what those steps alone would have given: with the
recipe's default the supernet begins with its teacher's head. Everything is a command that a user
may type; what is finished is kept, so a call that was stopped goes on where it stood.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import _arguments
from benchmarks._commands import Command, carry_out, printed
from benchmarks._gains import show_gains
from evolution.result import load_result
from evolution.run import STRUCK
from luts import cli
from luts.files import writable_folder, write_json

SUPERNETS = {"fad": (), "no-fad": ("fad.weight=0",)}
"""What each supernet's settings have otherwise than the recipe's."""


def main(
    data: Annotated[Path, typer.Option(help="Real pairs to score on, beside rendered ones.")],
    only: Annotated[
        list[str] | None, typer.Option("--pair", help="Real pair to score on; repeatable [all].")
    ] = None,
    recipe: Annotated[str, typer.Option(help="Recipe of optical flow.")] = "flownas-small",
    target: Annotated[str, typer.Option(help="Target, with a table, on this machine.")] = "cpu",
    steps: Annotated[int, typer.Option(min=1, help="Steps of every training.")] = 1500,
    seeds: _arguments.Repetitions = 3,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting of all networks.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Held-out rendered pairs.")] = 200,
    evaluations: Annotated[
        int | None, typer.Option(min=1, help="Architectures that a search scores [the recipe's].")
    ] = None,
    latency: Annotated[
        str, typer.Option(help="Budget of a search. A little below the reference's prediction, so "
                          "that winners are no slower as measured.")
    ] = "97%",
    parallel: Annotated[int, typer.Option(min=1, help="Trainings at once, a core each.")] = 1,
    out: _arguments.Folder = Path("runs/equal_steps"),
) -> None:
    """Errors of searched and hand-designed networks after equal trainings, over seeds."""
    from supernet.training.settings import rendered_settings

    logs = writable_folder(out / "logs")
    settings = [*(changes or []), f"steps={steps}"]
    for own in SUPERNETS.values():
        version = rendered_settings(recipe, [*settings, *own], steps).render.version
    named = [item for pair in only or [] for item in ("--pair", pair)]
    sources = {"rendered": [f"{version}:{pairs}"], "real": [str(data), *named]}
    work = Work(recipe, target, tuple(settings), out)
    numbers = range(seeds)
    carry_out([work.reference(seed) for seed in numbers], parallel, logs)
    found: list[dict[str, Any]] = []
    for seed in numbers:
        carry_out([*(work.supernet(seed, name) for name in SUPERNETS), work.longer(seed)],
                  parallel, logs)
        for name in SUPERNETS:
            work.give_reference(seed, name)
            # Alone: a winner is measured.
            carry_out([work.search(seed, name, latency, evaluations)], 1, logs)
        for network in ("reference", "longer", *SUPERNETS):
            scores = work.scores(seed, network, sources)
            carry_out(scores, parallel, logs)
            found.append(_found(work, seed, network, [printed(each, logs) for each in scores]))
        write_json(out / "equal_steps.json", {
            "recipe": recipe, "target": target, "steps": steps, "pairs": pairs, "real": only,
            "latency": latency, "changes": changes or [], "networks": found})
        show_gains(found, recipe, steps)


class Work:
    """The commands of a comparison.

    Args:
        recipe: name.
        target: name.
        settings: training settings otherwise than the recipe's.
        out: folder.
    """

    def __init__(self, recipe: str, target: str, settings: Sequence[str], out: Path) -> None:
        self.recipe, self.target, self.settings, self.out = recipe, target, settings, out

    def folder(self, seed: int, name: str) -> Path:
        """Of one training."""
        return self.out / f"seed{seed}" / name

    def run(self, seed: int, name: str) -> Path:
        """Of one search."""
        return self.out / f"seed{seed}" / f"search-{name}"

    def reference(self, seed: int) -> Command:
        """Trains the hand-designed network."""
        return self._train(seed, "reference", "reference", [])

    def longer(self, seed: int) -> Command:
        """Trains it for as many steps again, on other pairs."""
        start = str(self.folder(seed, "reference"))
        return self._train(seed, "longer", "reference", ["--start-from", start], shift=1000)

    def supernet(self, seed: int, name: str) -> Command:
        """Trains a supernet."""
        more = [item for own in SUPERNETS[name] for item in ("--set", own)]
        teacher = str(self.folder(seed, "reference"))
        return self._train(seed, name, "supernet", ["--teacher", teacher, *more])

    def give_reference(self, seed: int, name: str) -> None:
        """Puts the reference beside a supernet, as a training of both would."""
        shutil.copytree(self.folder(seed, "reference") / "reference",
                        self.folder(seed, name) / "reference", dirs_exist_ok=True)

    def search(
        self, seed: int, name: str, latency: str, evaluations: int | None
    ) -> Command:
        """Searches a supernet within the reference's latency."""
        run = self.run(seed, name)
        most = [] if evaluations is None else ["--evaluations", str(evaluations)]
        return Command(
            f"seed{seed}-search-{name}",
            ("evolution.run", "--target", self.target, "--recipe", self.recipe, "--seed", str(seed),
             "--latency", latency, "--weights", str(self.folder(seed, name)), "--out", str(run),
             "--resume", *most),
            good=(0, STRUCK),
        )

    def _train(
        self, seed: int, name: str, network: str, more: Sequence[str], shift: int = 0
    ) -> Command:
        given = [item for setting in self.settings for item in ("--set", setting)]
        return Command(
            f"seed{seed}-{name}",
            ("supernet.train", "--recipe", self.recipe, "--network", network, "--seed",
             str(seed + shift), "--threads", "1", "--out", str(self.folder(seed, name)),
             "--resume", *given, *more),
        )

    def scores(
        self, seed: int, network: str, sources: Mapping[str, Sequence[str]]
    ) -> list[Command]:
        """Scores a network on each source of pairs."""
        chosen = (["--run", str(self.run(seed, network))] if network in SUPERNETS
                  else ["--reference", "--weights", str(self.folder(seed, network))])
        return [
            Command(f"seed{seed}-{network}-{name}",
                    ("supernet.evaluate", "--recipe", self.recipe, "--data", *source, *chosen,
                     "--json"))
            for name, source in sources.items()
        ]


def _found(work: Work, seed: int, network: str, scores: Sequence[str]) -> dict[str, Any]:
    """Errors on both sets, and what the network takes beside the reference."""
    found: dict[str, Any] = {"seed": seed, "network": network}
    for name, text in zip(("rendered", "real"), scores, strict=True):
        found[name] = json.loads(text)["sets"][0]["mean"]
    if network in SUPERNETS:
        result = load_result(work.run(seed, network))
        best, reference = result.best, result.reference
        found |= {
            "verified": result.verified, "architecture": best.architecture,
            "latency_ms": best.measured_latency_ms, "parameters": best.parameters,
            "reference_latency_ms": reference.measured_latency_ms,
        }
    return found


if __name__ == "__main__":
    cli.run(main, repeatable=True)
