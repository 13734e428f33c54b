"""How many samples, and how long, do PARSEC and FP-NAS take to the same validation likelihood?

    python -m benchmarks.fp_nas --seeds 3
    python -m benchmarks.fp_nas --data ~/cifar10 --out runs/fp_nas_cifar10

Trains the supernet of PARSEC's small cell space by both recipes, from the same seeds, on the same
images, with the same steps; only what the recipes say of their distributions differs. Every
--every steps the loss on held-out images (minus the mean log-likelihood) of architectures drawn
from the distribution is taken. The level is the lowest that both reach; what is compared is what
each had drawn and how long it had trained when it first got there (on CPUs in seconds of the
processor, since the trainings have other neighbours). FP-NAS claims 64 % fewer samples and 2.1
times the speed (arXiv 2011.10949, on another space). Goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._curves import compared, curve
from benchmarks._trainings import CPU_CLOCK
from luts import arguments, cli
from luts.files import Journal, writable_folder, write_json

if TYPE_CHECKING:
    import torch

PARSEC, FP_NAS = "PARSEC", "FP-NAS"
RECIPES = {PARSEC: "parsec-darts-small", FP_NAS: "fp-nas-darts-small",
           "adaptive samples alone": "fp-nas-darts-small"}
CHANGES: Mapping[str, list[str]] = {"adaptive samples alone": ["parsec.joint_from=0.0"]}
PAPER = {"samples": 0.36, "seconds": 1 / 2.1}


def main(
    steps: Annotated[int | None, typer.Option(min=1, help="Steps [the recipes'].")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each.")] = 1,
    variants: Annotated[
        list[str] | None,
        typer.Option("--variant", help=f"One of {', '.join(RECIPES)}; repeatable "
                                       f"[{PARSEC} and {FP_NAS}]."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="digits, fashion-mnist or a folder [the recipes'].")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting of all.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Steps between validations.")] = 50,
    by: Annotated[
        str, typer.Option(help="expected (drawn architectures) or likeliest (the mode).")
    ] = "expected",
    device: arguments.TrainingDevice = "cpu",
    threads: arguments.TrainingThreads = None,
    out: _arguments.Folder = Path("runs/fp_nas"),
) -> None:
    """Samples and time to the same validation likelihood.

    A step takes about 0.13 s for each architecture that it draws, on one core and at the recipes'
    batch: 2,000 steps of PARSEC's 16 take at most 1.2 hours, of FP-NAS's 13 and fewer at most 1.0,
    for each seed. --steps 100 --every 20 shows in minutes that all works.
    """
    from luts.errors import UnknownNameError

    for name in variants or []:
        if name not in RECIPES:
            raise UnknownNameError("variant", name, RECIPES)
    if by not in ("expected", "likeliest"):
        raise UnknownNameError("loss", by, ("expected", "likeliest"))
    from supernet.training.allocator import keep_freed_memory
    from supernet.training.threads import prepare_thread, training_device

    place = training_device(device)
    keep_freed_memory()
    prepare_thread(threads)
    chosen = list(dict.fromkeys(variants or [PARSEC, FP_NAS]))
    writable_folder(out)
    found: list[dict[str, Any]] = []
    for seed in range(seeds):
        curves = {}
        for name in chosen:
            records = _trained(out / f"{name.lower().replace(' ', '-')}-{seed}", name, seed, steps,
                               data, changes or [], every, place)
            clock = CPU_CLOCK if place.type == "cpu" else "seconds_per_step"
            curves[name] = curve(records, by, clock)
        found.append({"seed": seed, **compared(curves, PARSEC), "curves": curves})
        write_json(out / "fp_nas.json", {"by": by, "paper": PAPER, "seeds": found})
        _show(found)


def _trained(
    folder: Path, name: str, seed: int, steps: int | None, data: str | None,
    changes: Sequence[str], every: int, device: torch.device,
) -> list[dict[str, Any]]:
    from luts.recipes import read_recipe
    from supernet.tasks.base import task_of
    from supernet.training.loop import train
    from supernet.training.overrides import overrides
    from supernet.training.progress import TrainingProgress
    from supernet.training.run import JOURNAL, RUN_FILE, TrainingRun, is_finished

    recipe = RECIPES[name]
    task = task_of(recipe)
    named = data if data in task.named_data else None
    section = overrides(read_recipe(recipe)["training"], [*CHANGES.get(name, []), *changes], steps,
                        data=named)
    settings = task.settings(recipe, section)
    place = None if data is None or named is not None else Path(data)
    writable_folder(folder)
    stage = task.make_stage(recipe, "supernet", folder, settings, seed, None, device=device,
                            data=place)
    run = TrainingRun(writable_folder(folder / "supernet"), recipe, "supernet", settings, seed,
                      stage.extra, save_every=every, log_every=every)
    if not is_finished(run):
        label = f"{name}, seed {seed}"
        with TrainingProgress(label, settings.steps, settings.figure) as progress:
            train(run, stage.rule, stage.batches, resume=(run.folder / RUN_FILE).exists(),
                  report=progress.report, validate=stage.validate)
    journal = Journal(run.folder / JOURNAL)
    journal.close()
    return journal.records


def _show(found: Sequence[Mapping[str, Any]]) -> None:
    from benchmarks._figures import show

    rows = []
    for name in found[0]["taken"]:
        own = [one["taken"][name] for one in found if one["taken"][name] is not None]
        over = [one["over"][name] for one in found if name in one["over"]]
        mean = {key: np.mean([each[key] for each in own]) for key in ("step", "samples", "seconds")}
        shares = [f"{np.mean([each[key] for each in over]):.2f}" if over
                  else "1" if name == PARSEC else "-" for key in ("samples", "seconds")]
        last = [one["last"][name] for one in found]
        rows.append([name, len(own), f"{mean['step']:.0f}", f"{mean['samples']:.0f}",
                     f"{mean['seconds']:.0f}", *shares,
                     *(f"{np.mean([each[key] for each in last]):.3f}" for key in ("loss", "error")),
                     f"{np.mean([each['entropy'] for each in last]):.1f}"])
    levels = ", ".join(f"{one['level']:.3f}" for one in found)
    show(f"to the loss that all reach ({levels}); FP-NAS's paper: samples x "
         f"{PAPER['samples']:.2f}, time x {PAPER['seconds']:.2f}",
         ["", "seeds", "steps", "samples", "seconds", "samples x", "time x", "last loss",
          "last error %", "nats"], rows)


if __name__ == "__main__":
    cli.run(main, repeatable=True)
