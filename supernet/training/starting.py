"""What a stage of a training is, and the weights that it may start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from luts.errors import UserError
from luts.files import sha256
from supernet.data.batch import Batch
from supernet.network import Network
from supernet.space import SearchSpace
from supernet.training.checkpoint import STEPS_BEFORE, load_checkpoint, load_weights, step_of
from supernet.training.rules import StepRule
from supernet.weights import weights_path

Weights = Path | Literal["shipped"]
Start = Weights | None


@dataclass(frozen=True, slots=True)
class Stage:
    """What `supernet.training.loop.train` needs, and what identifies it."""

    rule: StepRule
    batches: Callable[[int], Iterator[Batch]]
    validate: Callable[[], dict[str, float]]
    extra: dict[str, Any]


def start_from(network: Network, recipe: str, stage: str, start: Weights) -> dict[str, Any]:
    """Loads weights; returns what says so in the run's identity.

    Args:
        network: gets them.
        recipe: name.
        stage: ``reference``, ``supernet`` or the name of a stand-alone network.
        start: training folder, or ``shipped``.

    Raises:
        UserError: there are none, or they do not fit.
    """
    path = weights_path(recipe, stage, None if start == "shipped" else start)
    saved = load_checkpoint(path, recipe=recipe, network=stage)
    load_weights(network, saved, path)
    return {"started_from": sha256(path), STEPS_BEFORE: step_of(saved)}


def load_teacher(space: SearchSpace, source: Weights) -> tuple[Network, str]:
    """A trained reference and the digest of its weights.

    Args:
        space: its name is the recipe's.
        source: training folder, or ``shipped``.

    Raises:
        UserError: there is none, or it is not fully trained.
    """
    folder = None if source == "shipped" else source
    try:
        path = weights_path(space.name, "reference", folder)
    except UserError as error:
        raise UserError(
            f"the supernet learns from the trained reference: {error}, with --network reference; "
            "or name another with --teacher"
        ) from None
    saved = load_checkpoint(path, recipe=space.name, network="reference")
    if folder is not None and saved.identity["step"] < saved.identity["settings"]["steps"]:
        raise UserError(f"the reference in '{path}' is not fully trained; --resume it first")
    teacher = space.build_reference()
    load_weights(teacher, saved, path)
    return teacher.eval().requires_grad_(False), sha256(path)
