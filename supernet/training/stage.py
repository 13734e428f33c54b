"""Puts together what one stage trains: network, rule, data, held-out pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch

from luts.errors import UserError
from luts.spaces import load_space
from supernet.candidates import Candidate
from supernet.data.render import FlowBatch
from supernet.layers.elastic import start_shortcuts_as_identity
from supernet.raft.network import FlowNetwork, initialise_plainly
from supernet.raft.space import FlowSpace
from supernet.recalibrate import recalibrate
from supernet.training.data import open_source, stage_batches
from supernet.training.rules import StandaloneRule, StepRule
from supernet.training.sandwich import SandwichRule
from supernet.training.settings import TrainingSettings
from supernet.training.starting import Stage, Start, Weights, load_teacher, start_from
from supernet.training.validation import Validation

_TEACHER_FRAMES = 16


def make_stage(
    recipe: str, stage: str, folder: Path, settings: TrainingSettings, seed: int,
    photo_folder: Path | None, *, device: torch.device | None = None, workers: int = 1,
    start: Start = None, teacher: Start = None, candidate: Candidate | None = None,
    data: Path | None = None,
) -> Stage:
    """Builds a stage; the supernet's teacher is the reference trained in the same folder.

    Args:
        recipe: name.
        stage: ``reference``, ``supernet`` or the candidate's name.
        folder: of the training.
        settings: training section.
        seed: of data, initial weights and sampled architectures.
        photo_folder: photographs (None: those of installed packages).
        device: where to train (None: CPU).
        workers: processes that render.
        start: weights to go on from with a new schedule: a training folder, or ``shipped``.
        teacher: training folder whose reference teaches, or ``shipped`` (None: ``folder``).
        candidate: the stand-alone network, where it is neither reference nor supernet.
        data: folder of data sets (None: pairs are rendered).

    Raises:
        UserError: its data cannot be had, the teacher or the weights to start from are missing, the
            teacher is unfinished, or the photographs are unusable.
    """
    source = open_source(recipe, settings, seed, photo_folder, data)
    space = cast(FlowSpace, load_space(recipe))
    place = device or torch.device("cpu")
    extra = dict(source.identity)
    if place.type != "cpu":
        extra["device"] = torch.cuda.get_device_name(place)
    torch.manual_seed(seed)
    validation = Validation(source, place)
    rule: StepRule
    network = _fresh(space, stage, candidate, settings).to(place)
    if stage == "supernet":
        taught = _taught(space, network, settings, teacher or folder, new=start is None)
        extra["teacher"] = None if taught is None else taught[1]
        if taught is not None:
            recalibrate(taught[0], source.calibration(_TEACHER_FRAMES).to(place))
        rule = SandwichRule(space, network, taught[0] if taught else None, settings)
    else:
        rule = StandaloneRule(network, settings)
    if candidate is not None and candidate.architecture is not None:
        extra["architecture"] = candidate.architecture.as_json()
    if start is not None:
        extra |= start_from(network, recipe, stage, start)
    if settings.freeze_batch_norm and stage != "supernet":
        recalibrate(network, validation.frames)
        network.frozen_statistics = True
    if settings.compile:
        network.head.compile()

    def validate() -> dict[str, float]:
        if stage == "supernet":
            return validation.supernet(space, network)
        return validation.standalone(network)

    def batches(first: int) -> Iterator[FlowBatch]:
        return stage_batches(source, settings, first, workers, place)

    return Stage(rule, batches, validate, extra)


def _fresh(
    space: FlowSpace, stage: str, candidate: Candidate | None, settings: TrainingSettings
) -> FlowNetwork:
    """A network with new weights; the seed was set before."""
    if candidate is not None:
        network = cast(FlowNetwork, candidate.build())
    elif stage == "supernet":
        network = space.build_supernet()
    else:
        network = space.build_reference()
    if settings.head_init == "torch":
        initialise_plainly(network.head)
    if settings.shortcut_init == "identity":
        start_shortcuts_as_identity(network)
    return network


def give_head(space: FlowSpace, network: FlowNetwork, source: Weights) -> str:
    """Puts a trained reference's head into a network; returns the digest of its weights.

    Raises:
        UserError: there is no trained reference, or its head has another form.
    """
    teacher, digest = _flow_teacher(space, source)
    try:
        network.head.load_state_dict(teacher.head.state_dict())
    except RuntimeError:
        raise UserError(f"the reference of recipe {space.name} has another head than this network"
                        ) from None
    return digest


def _taught(
    space: FlowSpace, network: FlowNetwork, settings: TrainingSettings, source: Weights, *,
    new: bool,
) -> tuple[FlowNetwork, str] | None:
    """The teacher and the digest of its weights; a new supernet may get its head from it."""
    fad = settings.fad
    if fad.weight == 0 and not (fad.initial_head and new):
        return None
    teacher, digest = _flow_teacher(space, source)
    teacher.to(next(network.parameters()).device)
    if fad.initial_head and new:
        network.head.load_state_dict(teacher.head.state_dict())
    return teacher, digest


def _flow_teacher(space: FlowSpace, source: Weights) -> tuple[FlowNetwork, str]:
    teacher, digest = load_teacher(space, source)
    return cast(FlowNetwork, teacher), digest
