"""Checkpoints in safetensors: weights, optimiser state, step and identity in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from luts.errors import CorruptFileError, UserError
from supernet.network import Network
from supernet.tensors import save_tensors

_FORMAT = "metronas-checkpoint-1"
STEPS_BEFORE = "steps_before"
"""Key of the identity: steps behind the weights that a training started from."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        identity: recipe, network, settings and step.
        weights: parameters and buffers of the network.
        optimiser: its moments by parameter name; empty in shipped weights.
        average: moving average of the parameters; empty where there is none.
    """

    identity: dict[str, Any]
    weights: dict[str, torch.Tensor]
    optimiser: dict[str, torch.Tensor]
    average: dict[str, torch.Tensor] = field(default_factory=dict)


def save_checkpoint(
    path: Path, network: nn.Module, identity: dict[str, Any],
    optimiser: torch.optim.Optimizer | None = None, *, dtype: torch.dtype | None = None,
    average: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Writes a checkpoint atomically.

    Args:
        path: target file.
        network: its state is saved.
        identity: JSON-able facts; must hold ``recipe`` and ``network``.
        optimiser: its moments are saved too when given.
        dtype: floating-point type to store weights in (None: as they are).
        average: moving average of the parameters by name.
    """
    tensors = {}
    for name, value in network.state_dict().items():
        cast = dtype is not None and value.is_floating_point()
        tensors[f"weights/{name}"] = (value.to(dtype) if cast else value).contiguous().clone()
    if optimiser is not None:
        names = {id(p): name for name, p in network.named_parameters()}
        for parameter, state in optimiser.state.items():
            for key, value in state.items():
                tensors[f"optimiser/{key}/{names[id(parameter)]}"] = value.clone()
    tensors |= {f"average/{k}": v.contiguous().clone() for k, v in (average or {}).items()}
    metadata = {"format": _FORMAT, "identity": json.dumps(identity)}
    save_tensors(path, tensors, metadata)


def load_checkpoint(path: Path, *, recipe: str, network: str) -> Checkpoint:
    """Reads a checkpoint and checks what it is of.

    Raises:
        UserError: absent, or of another recipe or network.
        CorruptFileError: truncated or not a checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"no checkpoint '{path}'")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"'{path}' is not a whole safetensors file ({error})") from None
    if metadata.get("format") != _FORMAT:
        raise CorruptFileError(f"'{path}' is not a MetroNAS checkpoint")
    identity = json.loads(metadata["identity"])
    if (identity["recipe"], identity["network"]) != (recipe, network):
        raise UserError(
            f"'{path}' holds the {identity['network']} of recipe '{identity['recipe']}', "
            f"not the {network} of '{recipe}'"
        )
    parts: dict[str, dict[str, torch.Tensor]] = {"weights": {}, "optimiser": {}, "average": {}}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = value
    return Checkpoint(identity, **parts)


def step_of(checkpoint: Checkpoint) -> int:
    """Training steps behind a checkpoint, those of runs that it started from included."""
    return int(checkpoint.identity["step"]) + int(checkpoint.identity.get(STEPS_BEFORE, 0))


def restore_optimiser(
    optimiser: torch.optim.Optimizer, network: nn.Module, moments: dict[str, torch.Tensor]
) -> None:
    """Puts saved moments back."""
    parameters = dict(network.named_parameters())
    for key, value in moments.items():
        field, _, name = key.partition("/")
        # AdamW counts its steps on the CPU, wherever the moments are.
        place = value.device if field == "step" else parameters[name].device
        optimiser.state[parameters[name]][field] = value.clone().to(place)


def load_weights(
    network: Network, checkpoint: Checkpoint, path: Path, *, averaged: bool = True
) -> None:
    """Loads weights in fp32.

    Args:
        network: gets them.
        checkpoint: holds them.
        path: of the checkpoint, for messages.
        averaged: take their moving average where there is one; a resumed training does not.

    Raises:
        UserError: names or shapes do not fit.
    """
    held = {**checkpoint.weights, **(checkpoint.average if averaged else {})}
    try:
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in held.items()}
        )
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise UserError(f"weights of '{path}' do not fit this network: {detail}") from None
    frozen = checkpoint.identity.get("settings", {}).get("freeze_batch_norm", False)
    network.frozen_statistics = frozen and checkpoint.identity["network"] != "supernet"
