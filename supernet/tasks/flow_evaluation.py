"""`supernet.evaluate` for optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch

from luts.errors import UserError
from luts.files import writable_folder
from supernet.candidates import Candidate
from supernet.data.collection import find_data
from supernet.data.mixes import mix_of_all
from supernet.data.source import FolderSource
from supernet.raft.network import FlowNetwork
from supernet.raft.space import FlowSpace
from supernet.recalibrate import recalibrate
from supernet.score import load_network
from supernet.scoring import choose_parts, score_parts
from supernet.tasks.flow_accuracy import FlowAccuracy, calibration_frames, deployable_reference
from supernet.tasks.request import Request
from supernet.training.settings import rendered_settings
from supernet.weights import load_alone


def evaluate_flow(request: Request) -> tuple[str, list[dict[str, Any]]]:
    """See `supernet.tasks.base.Task.evaluate`."""
    space = cast(FlowSpace, request.space)
    parts = choose_parts(request.data, space, request.split, request.only)
    if request.pictures is not None:
        writable_folder(request.pictures)
    network, origin = _network(space, request.candidate, request.run, request.weights)
    if request.calibrate is not None:
        count = rendered_settings(space.name).calibration_pairs
        recalibrate(network, _calibration(request.calibrate, space, count))
    network.to(request.device)
    return origin, score_parts(network, parts, request.iterations,
                               warm_start=request.warm_start, pictures=request.pictures,
                               scales=request.scales or (1.0,))


def _network(
    space: FlowSpace, chosen: Candidate | None, run: Path | None, weights: Path | None
) -> tuple[FlowNetwork, str]:
    """The network, and where its weights are from."""
    if run is not None and chosen is not None:
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
    mix = mix_of_all(find_data(folder), space.input_height, space.input_width)
    return FolderSource(mix, folder, batch=1, seed=0).calibration(count)
