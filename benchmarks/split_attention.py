"""What attention over channels does to one network: none, squeeze-excite, 2 and 4 splits.

    python -m benchmarks.split_attention --data cifar10_subset --seeds 3
    python -m benchmarks.split_attention --steps 40 --seeds 1     # a trial

Takes one architecture of a space with splits, the same number of them in all rows, as FP-NAS's
"uniform 2 / 4 splits" do, and trains each version alone with the same settings. Error is on images
that are held out of training. What was trained is kept: a call that was stopped goes on where it
stood.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._figures import show
from benchmarks._trainings import Trainer, cost_of_training, journal_of
from luts import cli

if TYPE_CHECKING:
    from supernet.spaces.elastic_chain import ElasticChainSpace

RECIPE = "fbnetv2-f-split-small"


def main(
    data: _arguments.Images = None,
    seeds: _arguments.Repetitions = 3,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each network.")] = 3000,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as batch=64.")
    ] = None,
    threads: _arguments.Cores = 1,
    out: _arguments.Folder = Path("runs/split_attention"),
) -> None:
    """Error, work and weights of a network without attention, and with 1, 2 and 4 splits.

    Four networks per seed: with 3000 steps of 128 images about two and a half hours on one core
    that others use too (0.4 s a step without attention, 1.4 s with four splits).
    """
    from luts.files import writable_folder, write_json
    from luts.spaces import load_space
    from supernet.training.threads import prepare_thread

    writable_folder(out)
    prepare_thread(threads)
    space = cast("ElasticChainSpace", load_space(RECIPE))
    own = (f"steps={steps}", *(changes or []))
    found: list[dict[str, Any]] = []
    for seed in range(seeds):
        trainer = Trainer(RECIPE, data, own, seed)
        found += [{"seed": seed, "splits": splits,
                   **_trained(space, trainer, splits, out / f"seed{seed}")}
                  for splits in space.config.splits]
        write_json(out / "split_attention.json", {
            "recipe": RECIPE, "data": data, "changes": own, "threads": threads, "networks": found})
    _show(found, space.config.splits)
    print(f"written: {out / 'split_attention.json'}")


def _trained(
    space: ElasticChainSpace, trainer: Trainer, splits: int, folder: Path
) -> dict[str, Any]:
    """The reference with so many splits in every row, trained alone."""
    import torch

    from supernet.training.sampling import gflops

    values = space.reference.as_json()
    values |= {name: splits for name in values if name.endswith(".splits")}
    architecture = space.architecture(values)
    place = trainer.train(json.dumps(values), folder, [], alone=True)
    with torch.device("meta"):
        network = space.build(architecture)
    last = journal_of(place)[-1]
    return {
        "error": last["validation_error"], "loss": last["validation_loss"],
        "gflops": gflops(space, space.encode(architecture)),
        "parameters": sum(each.numel() for each in network.parameters()),
        "seconds": cost_of_training(place, 1)["seconds"],
    }


def _show(found: list[dict[str, Any]], counts: tuple[int, ...]) -> None:
    rows = []
    for splits in counts:
        own = [each for each in found if each["splits"] == splits]
        errors = [each["error"] for each in own]
        rows.append([
            splits, f"{np.mean(errors):.2f}", f"{min(errors):.2f} to {max(errors):.2f}",
            f"{np.mean([each['loss'] for each in own]):.3f}", f"{own[0]['gflops']:.4f}",
            own[0]["parameters"], f"{np.mean([each['seconds'] for each in own]):.0f}",
        ])
    show(f"{RECIPE}: the reference by splits (0: no attention, 1: squeeze-excite)",
         ["splits", "error %", "over seeds", "loss", "GFLOPs", "weights", "seconds"], rows)


if __name__ == "__main__":
    cli.run(main, repeatable=True)
