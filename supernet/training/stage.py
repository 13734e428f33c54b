"""Puts together what one stage trains: network, rule, data, held-out pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch

from luts.errors import UserError
from luts.files import sha256
from luts.spaces import load_space
from supernet.data.photos import bundled_photos, folder_photos
from supernet.data.render import FlowBatch
from supernet.raft.network import FlowNetwork
from supernet.recalibrate import recalibrate
from supernet.space import SearchSpace
from supernet.spaces._encoder import ElasticEncoder
from supernet.tasks.flow import flow_metrics
from supernet.training.checkpoint import STEPS_BEFORE, load_checkpoint, load_weights, step_of
from supernet.training.data import render_settings, rendered_batches, validation_batch
from supernet.training.loop import CHECKPOINT
from supernet.training.rules import SandwichRule, StandaloneRule, StepRule
from supernet.training.settings import TrainingSettings
from supernet.weights import weights_path

_VALIDATION_PAIRS = 24
Start = Path | Literal["shipped"] | None


@dataclass(frozen=True, slots=True)
class Stage:
    """What `train` needs, and what identifies it."""

    rule: StepRule
    batches: Callable[[int], Iterator[FlowBatch]]
    validate: Callable[[], dict[str, float]]
    extra: dict[str, Any]


def make_stage(
    recipe: str, stage: str, folder: Path, settings: TrainingSettings, seed: int,
    photo_folder: Path | None, *, device: torch.device | None = None, workers: int = 1,
    start: Start = None,
) -> Stage:
    """Builds a stage; the supernet's teacher is the reference trained in the same folder.

    Args:
        recipe: name.
        stage: ``reference`` or ``supernet``.
        folder: of the training.
        settings: training section.
        seed: of data, initial weights and sampled architectures.
        photo_folder: photographs (None: those of installed packages).
        device: where to train (None: CPU).
        workers: processes that render.
        start: weights to go on from with a new schedule: a training folder, or ``shipped``.

    Raises:
        UserError: the teacher or the weights to start from are missing, the teacher is unfinished,
            or the photographs are unusable.
    """
    space = cast(SearchSpace, load_space(recipe))
    photos = bundled_photos() if photo_folder is None else folder_photos(photo_folder)
    place = device or torch.device("cpu")
    extra: dict[str, Any] = {"photos": str(photo_folder or "bundled")}
    if place.type != "cpu":
        extra["device"] = torch.cuda.get_device_name(place)
    torch.manual_seed(seed)
    rule: StepRule
    if stage == "reference":
        network = space.build_reference().to(place)
        rule = StandaloneRule(network, settings)
    else:
        network = space.build_supernet().to(place)
        path = folder / "reference" / CHECKPOINT
        teacher = _teacher(space, recipe, path) if settings.fad.weight > 0 else None
        if teacher is not None:
            teacher.to(place)
            calibration = validation_batch(photos, render_settings(settings), 16, part=1)
            recalibrate(teacher, calibration.frame1.to(place))
        if teacher is not None and settings.fad.initial_head and start is None:
            network.head.load_state_dict(teacher.head.state_dict())
        extra["teacher"] = sha256(path) if teacher is not None else None
        rule = SandwichRule(space, network, teacher, settings)
    if start is not None:
        extra |= _start_from(network, recipe, stage, start)
    render = render_settings(settings)
    held_out = validation_batch(photos, render, _VALIDATION_PAIRS).to(place)
    frames = validation_batch(photos, render, _VALIDATION_PAIRS, part=1).frame1.to(place)

    def validate() -> dict[str, float]:
        return _validate(space, network, stage, held_out, frames)

    def batches(first: int) -> Iterator[FlowBatch]:
        for batch in rendered_batches(photos, settings, seed, first, workers):
            yield batch.to(place)

    return Stage(rule, batches, validate, extra)


def _start_from(
    network: FlowNetwork, recipe: str, stage: str, start: Path | Literal["shipped"]
) -> dict[str, Any]:
    """Loads weights; returns what says so in the run's identity."""
    path = weights_path(recipe, stage, None if start == "shipped" else start)
    saved = load_checkpoint(path, recipe=recipe, network=stage)
    load_weights(network, saved, path)
    return {"started_from": sha256(path), STEPS_BEFORE: step_of(saved)}


def _teacher(space: SearchSpace, recipe: str, path: Path) -> FlowNetwork:
    if not path.is_file():
        raise UserError(
            f"the supernet learns from the trained reference, and '{path}' is not there; "
            f"train it first: python -m supernet.train --recipe {recipe} --network reference"
        )
    saved = load_checkpoint(path, recipe=recipe, network="reference")
    if saved.identity["step"] < saved.identity["settings"]["steps"]:
        raise UserError(f"the reference in '{path}' is not fully trained; --resume it first")
    teacher = space.build_reference()
    load_weights(teacher, saved, path)
    return teacher.eval().requires_grad_(False)


def _validate(
    space: SearchSpace, network: FlowNetwork, stage: str, held_out: FlowBatch,
    frames: torch.Tensor,
) -> dict[str, float]:
    """Error on held-out pairs; a supernet's largest and smallest use the batch's statistics."""
    def epe() -> float:
        with torch.no_grad():
            flow = network.flows(held_out.frame1, held_out.frame2)[-1]
        return flow_metrics(flow, held_out.flow, held_out.valid)["epe"]

    if stage == "reference":
        recalibrate(network, frames)
        return {"epe": epe()}
    found = {}
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    network.train()
    for name, vector in (("largest", space.largest), ("smallest", space.smallest)):
        choice = space.encoder_choice(space.decode(vector))
        for encoder in (network.fnet, network.cnet):
            cast(ElasticEncoder, encoder).choice = choice
        found[f"epe_{name}"] = epe()
    with torch.no_grad():
        for name, value in network.named_buffers():
            value.copy_(buffers[name])
    return found
