"""Scores a network on flow data: published data sets, a user's own pairs, rendered pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from luts import cli
from luts.errors import UserError

if TYPE_CHECKING:
    import torch

    from supernet.candidates import Candidate
    from supernet.raft.network import FlowNetwork
    from supernet.raft.space import FlowSpace


def main(
    data: Annotated[str, typer.Option(
        help="Folder of FlyingChairs, FlyingThings3D, Sintel, KITTI-2015, HD1K or of own pairs "
             "(NAME/frame1.png, frame2.png, flow.npz); or rendered:COUNT.")],
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
        str | None, typer.Option(help="Pairs to score: all, train or val [the data set's usual].")
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
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for pictures of frame, truth, estimate, error.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: cpu, or cuda:0.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Scores a network: end-point error, outliers (> 3 px and > 5 %), errors by speed.

    Each data set is scored by its own protocol (Sintel 32 iterations, KITTI and FlyingChairs 24;
    own pairs as deployed). Piped, the figures are tab-separated.

    Examples:
      python -m supernet.evaluate --data pairs --reference
      python -m supernet.evaluate --data rendered:200 --run runs/quickstart --json
      python -m supernet.evaluate --data datasets/KITTI --architecture best.json --weights runs/mine
      python -m supernet.evaluate --data rendered:200 --architecture smallest
      python -m supernet.evaluate --data Sintel --reference --warm-start --pictures shown
    """
    if sum((run is not None, reference, architecture is not None)) != 1:
        raise UserError("give one of --run RUN, --reference and --architecture NAME or JSON")
    if split not in (None, "all", "train", "val"):
        raise UserError(f"--split {split}: give all, train or val")
    from luts.files import writable_folder
    from luts.spaces import load_space

    space = cast("FlowSpace", load_space(recipe))
    chosen = _chosen(space, run, architecture)
    from supernet.scoring import choose_parts, score_parts, show
    from supernet.training.threads import training_device

    place = training_device(device)
    parts = choose_parts(data, space, split, only)
    if pictures is not None:
        writable_folder(pictures)
    network, origin = _network(space, chosen, run, weights)
    if calibrate is not None:
        from supernet.recalibrate import recalibrate
        from supernet.training.plan import rendered_settings

        count = rendered_settings(recipe).calibration_pairs
        recalibrate(network, _calibration(calibrate, space, count))
    network.to(place)
    scored = score_parts(network, parts, iterations, warm_start=warm_start, pictures=pictures)
    if not as_json:
        show(scored)
        return
    name = "reference" if chosen is None else chosen.name
    found: dict[str, Any] = {
        "recipe": recipe, "network": name, "weights": origin, "sets": scored,
    }
    if len(scored) == 1:
        found |= {key: scored[0][key] for key in ("pairs", "mean")}
    print(json.dumps(found, indent=2))


def _chosen(
    space: FlowSpace, run: Path | None, architecture: str | None
) -> Candidate | None:
    from luts.files import read_json
    from supernet.candidates import Candidate, find_candidate

    if architecture is not None:
        return find_candidate(space, architecture)
    if run is None:
        return None
    result = read_json(run / "result.json")
    if result.get("recipe") != space.name:
        raise UserError(f"run '{run}' is of recipe '{result.get('recipe')}', not of '{space.name}'")
    winner = space.architecture(result["best"]["architecture"])
    return Candidate("winner", winner, lambda: space.build(winner))


def _network(
    space: FlowSpace, chosen: Candidate | None, run: Path | None, weights: Path | None
) -> tuple[FlowNetwork, str]:
    """The network, and where its weights are from."""
    from supernet.recalibrate import recalibrate
    from supernet.tasks.flow_accuracy import (
        FlowAccuracy,
        calibration_frames,
        deployable_reference,
    )
    from supernet.weights import load_alone

    if run is not None and chosen is not None:
        from supernet.score import load_network

        return load_network(cast("FlowNetwork", chosen.build()), run / "best.safetensors"), "search"
    if chosen is None:
        return deployable_reference(space, weights), "reference"
    trained_alone = weights is not None and (weights / chosen.name).is_dir()
    if chosen.architecture is not None and not trained_alone:
        return FlowAccuracy(space, weights).network(chosen.architecture), "supernet"
    if chosen.name == "raft" and not trained_alone:
        return deployable_reference(space, weights), "reference"
    if weights is None:
        raise UserError(f"--architecture {chosen.name}: its weights do not ship with this package; "
                        "name a training folder with --weights")
    network, _ = load_alone(space, chosen, weights)
    recalibrate(network, calibration_frames(space))
    return cast("FlowNetwork", network), "trained alone"


def _calibration(folder: Path, space: FlowSpace, count: int) -> torch.Tensor:
    from supernet.data.collection import find_data
    from supernet.data.mixes import mix_of_all
    from supernet.data.source import FolderSource

    mix = mix_of_all(find_data(folder), space.input_height, space.input_width)
    return FolderSource(mix, folder, batch=1, seed=0).calibration(count)


if __name__ == "__main__":
    cli.run(main)
