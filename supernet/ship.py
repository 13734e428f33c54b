"""Puts a finished training run's weights and log where the package ships them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from luts import cli
from luts.errors import UserError


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of `python -m supernet.train`.")],
    recipe: Annotated[str, typer.Option(help="Recipe that was trained.")] = "flownas-small",
    log: Annotated[
        Path | None, typer.Option(help="Folder that keeps the training logs.")
    ] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Ship a run that has steps left.")
    ] = False,
) -> None:
    """Stores supernet and reference, or the one that was trained, in half precision.

    Examples:
      python -m supernet.ship runs/train-flownas-small --log docs/training
    """
    from luts.files import writable_folder
    from luts.spaces import load_space

    space = load_space(recipe)
    import torch

    from supernet.space import SearchSpace
    from supernet.training.checkpoint import (
        load_checkpoint,
        load_weights,
        save_checkpoint,
        step_of,
    )
    from supernet.training.run import CHECKPOINT, JOURNAL
    from supernet.weights import shipped_path, weights_path

    assert isinstance(space, SearchSpace)
    builders = {name: build for name, build in (
        ("supernet", space.build_supernet), ("reference", space.build_reference),
    ) if (folder / name / CHECKPOINT).is_file()}
    if not builders:
        raise UserError(f"'{folder}' holds neither 'supernet/{CHECKPOINT}' nor "
                        f"'reference/{CHECKPOINT}'; give a folder of python -m supernet.train")
    for name, build in builders.items():
        path = weights_path(recipe, name, folder)
        saved = load_checkpoint(path, recipe=recipe, network=name)
        step, steps = saved.identity["step"], saved.identity["settings"]["steps"]
        if step < steps and not unfinished:
            raise UserError(f"'{path}' is at step {step} of {steps}; add --unfinished")
        network = build()
        load_weights(network, saved, path)
        target = shipped_path(recipe, name)
        writable_folder(target.parent)
        save_checkpoint(target, network, saved.identity, dtype=torch.float16)
        print(f"{target.name}: step {step_of(saved)}, {target.stat().st_size / 2**20:.1f} MiB")
        if log is not None:
            writable_folder(log)
            shutil.copyfile(folder / name / JOURNAL, log / f"{recipe}-{name}.jsonl")


if __name__ == "__main__":
    cli.run(main)
