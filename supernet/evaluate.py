"""Scores a network on a folder of image pairs with ground truth."""

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
    data: Annotated[Path, typer.Option(help="Folder of pairs: NAME/frame1.png, frame2, flow.")],
    recipe: Annotated[str, typer.Option(help="Recipe of the network.")] = "flownas-small",
    run: Annotated[Path | None, typer.Option(help="Score the winner of a search run.")] = None,
    reference: Annotated[bool, typer.Option("--reference", help="Score the baseline.")] = False,
    architecture: Annotated[
        str | None, typer.Option(help="Score this architecture: JSON text or a JSON file.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--pair", help="Score this pair only; repeatable [all].")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of a training run [shipped weights].")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Recurrent updates [as deployed].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Scores a network on real pairs: end-point error and outliers (> 3 px and > 5 %).

    Examples:
      python -m supernet.evaluate --data pairs --reference
      python -m supernet.evaluate --data pairs --run runs/quickstart --json
      python -m supernet.evaluate --data pairs --reference --pair venus --pair urban2
      python -m supernet.evaluate --data pairs --architecture arch.json --iterations 12
    """
    if sum((run is not None, reference, architecture is not None)) != 1:
        raise UserError("give one of --run RUN, --reference and --architecture JSON")
    from luts.spaces import load_space

    space = cast("SearchSpace", load_space(recipe))
    chosen = _chosen(space, run, architecture)
    from supernet.data.pairs import read_pairs

    pairs = read_pairs(data, only)
    network = _network(space, chosen, run, weights)
    from supernet.score import score_pairs

    scores = score_pairs(network, pairs, iterations)
    if as_json:
        print(json.dumps(scores, indent=2))
        return
    rows = [*scores["pairs"].items(), ("mean", scores["mean"])]
    width = max(len(name) for name, _ in rows)
    print(f"{'pair':<{width}}  {'epe':>8}  {'fl_all':>7}")
    for name, found in rows:
        print(f"{name:<{width}}  {found['epe']:8.3f}  {found['fl_all']:7.2f}")


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
