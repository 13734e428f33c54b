"""Activations by the names that operators have."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from luts.errors import UnknownNameError

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu, "relu6": F.relu6,
    # swish, x * sigmoid(x) (Ramachandran et al., 2017, arXiv 1710.05941).
    "silu": F.silu,
}


def activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function of tensors of any shape.

    Raises:
        UnknownNameError: another name.
    """
    if name not in _ACTIVATIONS:
        raise UnknownNameError("activation", name, _ACTIVATIONS)
    return _ACTIVATIONS[name]
