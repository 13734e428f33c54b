"""Scores of a network on pairs of any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from luts.errors import CorruptFileError, UserError
from supernet.data.pairs import FlowPair
from supernet.raft.network import FlowNetwork, pad_to_multiple, unpad
from supernet.tasks.flow import flow_metrics


def score_pairs(
    network: FlowNetwork, pairs: Sequence[FlowPair], iterations: int | None = None
) -> dict[str, Any]:
    """Metrics of each pair and their mean.

    Args:
        network: in evaluation mode.
        pairs: any sizes; frames are padded to multiples of 8.
        iterations: recurrent updates (None: as deployed).

    Returns:
        ``pairs``: name to ``epe`` and ``fl_all``; ``mean``: their means over pairs.
    """
    network.eval()
    found: dict[str, dict[str, float]] = {}
    for pair in pairs:
        one, pad = pad_to_multiple(pair.frame1)
        two, _ = pad_to_multiple(pair.frame2)
        with torch.no_grad():
            flow = unpad(network.flows(one, two, iterations)[-1], pad)
        found[pair.name] = flow_metrics(flow, pair.flow, pair.valid)
    mean = {
        key: sum(metrics[key] for metrics in found.values()) / len(found)
        for key in ("epe", "fl_all")
    }
    return {"pairs": found, "mean": mean}


def load_network(network: FlowNetwork, path: Path) -> FlowNetwork:
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
