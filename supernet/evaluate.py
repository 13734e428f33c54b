"""Scores a network on flow data: published data sets, a user's own pairs, rendered pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from luts import cli
from luts.errors import UserError

if TYPE_CHECKING:
    from luts.space import Architecture
    from supernet.raft.network import FlowNetwork
    from supernet.space import SearchSpace


def main(
    data: Annotated[str, typer.Option(
        help="Folder of FlyingChairs, FlyingThings3D, Sintel, KITTI-2015, HD1K or of own pairs "
             "(NAME/frame1.png, frame2.png, flow.npz); or rendered:COUNT.")],
    recipe: Annotated[str, typer.Option(help="Recipe of the network.")] = "flownas-small",
    run: Annotated[Path | None, typer.Option(help="Score the winner of a search run.")] = None,
    reference: Annotated[bool, typer.Option("--reference", help="Score the baseline.")] = False,
    architecture: Annotated[
        str | None, typer.Option(help="Score this architecture: JSON text or a JSON file.")
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
      python -m supernet.evaluate --data datasets/KITTI --recipe flownas --architecture best.json
      python -m supernet.evaluate --data Sintel --reference --warm-start --pictures shown
    """
    if sum((run is not None, reference, architecture is not None)) != 1:
        raise UserError("give one of --run RUN, --reference and --architecture JSON")
    if split not in (None, "all", "train", "val"):
        raise UserError(f"--split {split}: give all, train or val")
    from luts.files import writable_folder
    from luts.spaces import load_space

    space = cast("SearchSpace", load_space(recipe))
    chosen = _chosen(space, run, architecture)
    from supernet.scoring import choose_parts, score_parts, show
    from supernet.training.threads import training_device

    place = training_device(device)
    parts = choose_parts(data, space, split, only)
    if pictures is not None:
        writable_folder(pictures)
    network = _network(space, chosen, run, weights).to(place)
    scored = score_parts(network, parts, iterations, warm_start=warm_start, pictures=pictures)
    if not as_json:
        show(scored)
        return
    found: dict[str, Any] = {"recipe": recipe, "sets": scored}
    if len(scored) == 1:
        found |= {key: scored[0][key] for key in ("pairs", "mean")}
    print(json.dumps(found, indent=2))


def _chosen(space: SearchSpace, run: Path | None, architecture: str | None) -> Architecture | None:
    from luts.files import read_json

    if run is not None:
        result = read_json(run / "result.json")
        if result.get("recipe") != space.name:
            raise UserError(
                f"run '{run}' is of recipe '{result.get('recipe')}', not of '{space.name}'"
            )
        return space.architecture(result["best"]["architecture"])
    if architecture is None:
        return None
    held: Any
    if architecture.lstrip().startswith("{"):
        try:
            held = json.loads(architecture)
        except ValueError as error:
            raise UserError(f"--architecture is not JSON ({error})") from None
    else:
        held = read_json(Path(architecture))
    if not isinstance(held, dict):
        raise UserError("--architecture must be a JSON object from decision to value")
    return space.architecture(held)


def _network(
    space: SearchSpace, chosen: Architecture | None, run: Path | None, weights: Path | None
) -> FlowNetwork:
    from supernet.tasks.flow_accuracy import FlowAccuracy, deployable_reference

    if chosen is None:
        return deployable_reference(space, weights)
    if run is None:
        return FlowAccuracy(space, weights).network(chosen)
    from supernet.score import load_network

    return load_network(space.build(chosen), run / "best.safetensors")


if __name__ == "__main__":
    cli.run(main)
