"""Trained weights: those that ship with the package, and those of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from luts.errors import UserError
from luts.files import sha256
from supernet.candidates import Candidate
from supernet.network import Network
from supernet.space import SearchSpace
from supernet.training.checkpoint import load_checkpoint, load_weights, step_of
from supernet.training.run import CHECKPOINT


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """Both networks of a recipe.

    Attributes:
        supernet: weight-sharing network.
        reference: baseline, also the teacher.
        identity: digests and training steps.
    """

    supernet: Network
    reference: Network
    identity: dict[str, str | int]


def shipped_path(recipe: str, network: str) -> Path:
    """Where shipped weights of a recipe lie, whether or not there are any."""
    return Path(str(files("supernet") / "weights" / f"{recipe}.{network}.safetensors"))


def weights_path(recipe: str, network: str, folder: Path | None) -> Path:
    """The weights file of a training folder (None: the shipped one).

    Raises:
        UserError: there is none; the message names the command that trains it.
    """
    path = shipped_path(recipe, network) if folder is None else folder / network / CHECKPOINT
    if not path.is_file():
        where = f"in '{folder}'" if folder is not None else "with this package"
        raise UserError(
            f"no weights of the {network} of recipe '{recipe}' {where}; "
            f"train them: python -m supernet.train --recipe {recipe}"
        )
    return path


def load_trained(space: SearchSpace, folder: Path | None = None) -> TrainedWeights:
    """Loads supernet and reference of a space.

    Args:
        space: its name is the recipe's.
        folder: of `python -m supernet.train` (None: shipped weights).

    Raises:
        UserError: weights are missing or of another recipe.
        CorruptFileError: a file is truncated.
    """
    supernet, of_supernet = load_part(space, "supernet", folder)
    reference, of_reference = load_part(space, "reference", folder)
    return TrainedWeights(supernet, reference, {**of_supernet, **of_reference})


def load_part(
    space: SearchSpace, name: Literal["supernet", "reference"], folder: Path | None = None
) -> tuple[Network, dict[str, str | int]]:
    """Loads one of the two networks; see `load_trained`.

    Returns:
        The network and its part of the identity.
    """
    network = space.build_supernet() if name == "supernet" else space.build_reference()
    path = weights_path(space.name, name, folder)
    saved = load_checkpoint(path, recipe=space.name, network=name)
    load_weights(network, saved, path)
    identity: dict[str, str | int] = {
        f"{name}_sha256": sha256(path), f"{name}_step": step_of(saved)
    }
    return network.eval().requires_grad_(False), identity


def load_alone(
    space: SearchSpace, candidate: Candidate, folder: Path
) -> tuple[Network, dict[str, str | int]]:
    """Loads a network that was trained alone (`python -m supernet.train --architecture`).

    Its batch norms are still to be recalibrated.

    Args:
        space: its name is the recipe's.
        candidate: the network.
        folder: of the training.

    Raises:
        UserError: there are no weights of it in the folder.
        CorruptFileError: the file is truncated.
    """
    path = folder / candidate.name / CHECKPOINT
    if not path.is_file():
        raise UserError(
            f"no weights of {candidate.name} in '{folder}'; train them: python -m supernet.train "
            f"--recipe {space.name} --architecture {candidate.name}"
        )
    network = candidate.build()
    saved = load_checkpoint(path, recipe=space.name, network=candidate.name)
    load_weights(network, saved, path)
    identity: dict[str, str | int] = {
        f"{candidate.name}_sha256": sha256(path), f"{candidate.name}_step": step_of(saved)
    }
    return network.eval().requires_grad_(False), identity
