"""What passes from coarse to fine give, and what they cost.

    python -m benchmarks.coarse_to_fine --data ../shared/data/optical_flow_pairs --scales 1,2
    python -m benchmarks.coarse_to_fine --data rendered:32 --network runs/quickstart

Scores networks on the same pairs by each list of scales (`supernet.evaluate --scales`). The cost is
processor seconds of a pair; within each network the lists take turns pair by pair, so that a noisy
machine disturbs them alike.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.errors import UserError
from luts.files import write_json

if TYPE_CHECKING:
    from supernet.raft.network import FlowNetwork
    from supernet.raft.space import FlowSpace
    from supernet.scoring import Part

_METRICS = ("epe", "fl_all", "above_1px")


def main(
    data: Annotated[str, typer.Option(help="Folder of pairs, or rendered:COUNT.")],
    recipe: _arguments.Recipe = "flownas-small",
    networks: Annotated[list[str] | None, typer.Option(
        "--network", help="reference, smallest, largest, or the folder of a search run; "
                          "repeatable [the first three].")] = None,
    scales: Annotated[list[str] | None, typer.Option(
        help="Sizes of the frames, pass by pass; repeatable [1 and 1,2].")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--pair", help="Score this pair only; repeatable [all].")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Recurrent updates of a pass [as usual].")
    ] = None,
    threads: arguments.TrainingThreads = None,
    out: _arguments.FiguresFile = None,
) -> None:
    """Errors and processor seconds of a pair, by network and scales."""
    from luts.spaces import load_space
    from supernet.coarse_to_fine import parse_scales
    from supernet.scoring import choose_parts
    from supernet.training.threads import prepare_thread

    prepare_thread(threads)
    plans = {text: parse_scales(text) for text in scales or ["1", "1,2"]}
    space = cast("FlowSpace", load_space(recipe))
    parts = choose_parts(data, space, None, only)
    found = []
    for name in networks or ["reference", "smallest", "largest"]:
        rows = scored(network_of(space, name), parts, plans, iterations)
        found += [{"network": name, **row} for row in rows]
        _show([row for row in found if row["network"] == name], head=len(found) == len(rows))
    if out is not None:
        write_json(out, {"recipe": recipe, "data": data, "pairs": only, "rows": found})


def network_of(space: FlowSpace, name: str) -> FlowNetwork:
    """The reference, a corner of the shipped supernet, or the winner of a search run."""
    from supernet.candidates import find_winner
    from supernet.score import load_network
    from supernet.tasks.flow_accuracy import FlowAccuracy, deployable_reference

    if name == "reference":
        return deployable_reference(space, None)
    if name in ("smallest", "largest"):
        architecture = space.decode(getattr(space, name))
        return FlowAccuracy(space, None).network(architecture)
    if not Path(name).is_dir():
        raise UserError(f"--network {name}: give reference, smallest, largest, or a search run")
    network = cast("FlowNetwork", find_winner(space, Path(name)).build())
    return load_network(network, Path(name) / "best.safetensors")


def scored(
    network: FlowNetwork, parts: list[Part], plans: dict[str, tuple[float, ...]],
    iterations: int | None,
) -> list[dict[str, Any]]:
    """One row a list of scales: errors, and mean processor seconds of a pair."""
    from supernet.coarse_to_fine import estimate
    from supernet.tasks.errors import FlowErrors, averaged

    network.eval()
    errors: dict[str, list[FlowErrors]] = {text: [] for text in plans}
    seconds = dict.fromkeys(plans, 0.0)
    protocol = parts[0].protocol
    updates = iterations or protocol.iterations or network.iterations
    for part in parts:
        if part.protocol != protocol:
            raise UserError("--data holds sets of several protocols: name one of them")
        for pair in part.read():
            for text, plan in plans.items():
                began = time.process_time()
                flow = estimate(network, pair, updates, scales=plan,
                                bottom_only=protocol.padding == "kitti").flow
                seconds[text] += time.process_time() - began
                errors[text].append(FlowErrors.of(flow, pair.flow, pair.valid))
    first = seconds[next(iter(plans))]
    rows = []
    for text, of_pairs in errors.items():
        mean = averaged(of_pairs, protocol.average, protocol.outliers)
        rows.append({
            "scales": text, "count": len(of_pairs), "iterations": updates,
            **{metric: mean[metric] for metric in _METRICS},
            "cpu_seconds_per_pair": seconds[text] / len(of_pairs),
            "cost_ratio": seconds[text] / first,
        })
    return rows


def _show(rows: list[dict[str, Any]], *, head: bool) -> None:
    if head:
        print("\t".join(rows[0]))
    for row in rows:
        print("\t".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()),
              flush=True)


if __name__ == "__main__":
    cli.run(main)
