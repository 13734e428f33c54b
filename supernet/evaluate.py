"""Scores a network on data of its task: published sets, a user's own, rendered ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from luts import arguments, cli
from luts.errors import UserError

if TYPE_CHECKING:
    from supernet.candidates import Candidate
    from supernet.space import SearchSpace


def main(
    data: Annotated[str, typer.Option(
        help="Flow: folder of FlyingChairs, FlyingThings3D, Sintel, KITTI-2015, HD1K or of own "
             "pairs (NAME/frame1.png, frame2.png, flow.npz), or rendered:COUNT. Classification: "
             "folder of images, digits or fashion-mnist.")],
    recipe: Annotated[str, typer.Option(help="Recipe of the network.")] = "flownas-small",
    run: Annotated[Path | None, typer.Option(help="Score the winner of a search run.")] = None,
    reference: Annotated[bool, typer.Option("--reference", help="Score the baseline.")] = False,
    architecture: Annotated[
        str | None,
        typer.Option(help="Score this network: raft, raft-small, flownas-raft-k, flownas-raft-s, "
                          "largest, smallest, JSON text or a JSON file."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--pair", help="Score this pair only; repeatable [all].")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Part: all, train, val or test [the data set's usual].")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of a training run [shipped weights].")
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Folder whose training pairs settle the batch norms [rendered pairs]."),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Recurrent updates [the data set's, or as deployed].")
    ] = None,
    warm_start: Annotated[
        bool, typer.Option("--warm-start", help="Start from the flow of the pair before.")
    ] = False,
    scales: Annotated[
        str | None,
        typer.Option(help="Passes from coarse to fine: sizes of the frames, such as 1,2 [1]."),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for pictures of frame, truth, estimate, error.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, or cuda:0.")] = "cpu",
    as_json: arguments.PrintJson = False,
) -> None:
    """Scores a network on data of its task.

    Flow: end-point error, outliers (> 3 px and > 5 %), errors by speed, each data set by its own
    protocol (Sintel 32 iterations, KITTI and FlyingChairs 24; own pairs as deployed).
    Classification: errors of the first and the first five guesses, in percent, by class. Piped, the
    figures are tab-separated.

    Examples:
      python -m supernet.evaluate --data pairs --reference
      python -m supernet.evaluate --data rendered:200 --run runs/quickstart --json
      python -m supernet.evaluate --data datasets/KITTI --architecture best.json --weights runs/mine
      python -m supernet.evaluate --data rendered:200 --architecture smallest
      python -m supernet.evaluate --data Sintel --reference --warm-start --pictures shown
      python -m supernet.evaluate --data pairs --run runs/quickstart --scales 1,2
      python -m supernet.evaluate --recipe bn-nas-small --data cifar10 --run runs/mine
    """
    if sum((run is not None, reference, architecture is not None)) != 1:
        raise UserError("give one of --run RUN, --reference and --architecture NAME or JSON")
    from supernet.tasks.base import task_of
    from supernet.tasks.request import Request

    task = task_of(recipe)
    if split is not None and split not in task.splits:
        *most, last = task.splits
        raise UserError(f"--split {split}: give {', '.join(most)} or {last}")
    from luts.spaces import load_space

    space = cast("SearchSpace", load_space(recipe))
    chosen = _chosen(space, run, architecture)
    from supernet._score_table import show
    from supernet.coarse_to_fine import parse_scales
    from supernet.training.threads import training_device

    request = Request(
        space, chosen, run, weights, data, training_device(device), split, only, calibrate,
        iterations, warm_start, parse_scales(scales) if scales is not None else None, pictures,
    )
    origin, scored = task.evaluate(request)
    if not as_json:
        show(scored, task.rows_are, task.row)
        return
    name = "reference" if chosen is None else chosen.name
    found: dict[str, Any] = {
        "recipe": recipe, "network": name, "weights": origin, "sets": scored,
    }
    if len(scored) == 1:
        found |= {key: scored[0][key] for key in (task.rows_are, "mean")}
    print(json.dumps(found, indent=2))


def _chosen(
    space: SearchSpace, run: Path | None, architecture: str | None
) -> Candidate | None:
    from supernet.candidates import find_candidate, find_winner

    if architecture is not None:
        return find_candidate(space, architecture)
    return None if run is None else find_winner(space, run)


if __name__ == "__main__":
    cli.run(main)
