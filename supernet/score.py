"""Scores of a network on pairs of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from luts.errors import CorruptFileError, UserError
from supernet.coarse_to_fine import estimate
from supernet.data.pairs import FlowPair
from supernet.data.protocols import OWN, Protocol
from supernet.raft.network import FlowNetwork
from supernet.tasks.errors import FlowErrors, Metrics, averaged

Seen = Callable[[FlowPair, torch.Tensor], None]
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a network scored on one group of pairs.

    Attributes:
        pairs: metrics by name of the pair.
        mean: averaged as the protocol says.
        pixels: on which the flow was known.
    """

    pairs: dict[str, Metrics]
    mean: Metrics
    pixels: int


def score_pairs(
    network: FlowNetwork, pairs: Iterable[FlowPair], iterations: int | None = None, *,
    protocol: Protocol = OWN, warm_start: bool = False, scales: Sequence[float] = (1.0,),
    seen: Seen | None = None,
) -> Scores:
    """Metrics of each pair and of all.

    Args:
        network: is put in evaluation mode.
        pairs: any sizes; frames are padded to multiples of 8.
        iterations: recurrent updates (None: the protocol's, or as deployed).
        protocol: padding and averaging.
        warm_start: a pair starts from the flow of the pair before it in its sequence (RAFT's
            option for Sintel).
        scales: sizes of the frames, one pass each, from coarse to fine.
        seen: called with each pair and its flow (1, 2, H, W).

    Raises:
        UserError: there is no pair, a flow is not finite, or memory does not suffice.
    """
    network.eval()
    device = next(network.parameters()).device
    updates = iterations or protocol.iterations or network.iterations
    found: dict[str, FlowErrors] = {}
    before: tuple[str, torch.Tensor] | None = None
    for pair in pairs:
        initial = None
        if warm_start and before is not None and pair.sequence and before[0] == pair.sequence:
            initial = carried_forward(before[1]).to(device)
        found_flow = estimate(
            network, pair, updates, bottom_only=protocol.padding == "kitti", initial=initial,
            scales=scales,
        )
        flow = found_flow.flow
        if not bool(torch.isfinite(flow).all()):
            raise UserError(f"the network's flow of pair {pair.name} is not finite")
        before = (pair.sequence, found_flow.coarse)
        found[pair.name] = FlowErrors.of(flow, pair.flow, pair.valid)
        if seen is not None:
            seen(pair, flow)
    if not found:
        raise UserError("there is no pair to score")
    return Scores(
        {name: errors.metrics() for name, errors in found.items()},
        averaged(list(found.values()), protocol.average, protocol.outliers),
        sum(errors.pixels for errors in found.values()),
    )


def carried_forward(coarse: torch.Tensor) -> torch.Tensor:
    """Moves a flow along itself, to start the next pair from (RAFT's warm start).

    Args:
        coarse: (1, 2, h, w) in coarse pixels.

    Returns:
        The same shape: at every place the flow that came nearest to it.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    flow = coarse[0].double().numpy()
    _, height, width = flow.shape
    y, x = np.mgrid[:height, :width]
    places = np.stack([x + flow[0], y + flow[1]], -1).reshape(-1, 2)
    kept = ((places > 0) & (places < (width, height))).all(1)
    if not kept.any():
        return torch.zeros_like(coarse)
    tree = cKDTree(places[kept])
    nearest = tree.query(np.stack([x, y], -1).reshape(-1, 2))[1]
    moved = flow.reshape(2, -1)[:, kept][:, nearest].reshape(1, 2, height, width)
    return torch.from_numpy(moved).to(coarse.dtype)


def load_network(network: N, path: Path) -> N:
    """Loads a search winner's weights.

    Raises:
        UserError: no such file, or the weights are of another network.
        CorruptFileError: truncated.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise UserError(f"no weights '{path}'; is the run finished?")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"'{path}' is not a whole safetensors file ({error})") from None
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(
            f"'{path}' holds another network: {str(error).splitlines()[-1].strip()}"
        ) from None
    return network.eval().requires_grad_(False)
