"""A score without data: what the norms at the ends of blocks have learned to let through.

BN-NAS (Chen et al., ICCV 2021, arXiv 2108.07375): the score of a block is the mean over channels of
|gamma| of its last batch norm, that of an architecture the sum over its layers, 0 for no block.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from luts.space import Vectors
from supernet.space import SearchSpace

if TYPE_CHECKING:
    from torch import nn

Floats = npt.NDArray[np.float64]


class IndicatorSpace(SearchSpace):
    """A space whose decisions each choose one block that ends with a batch norm."""

    @abc.abstractmethod
    def last_norms(self, supernet: Any) -> list[list[nn.BatchNorm2d | None]]:
        """The last norm of each choice's block, by decision; None where a choice is no block."""


def indicator_parameters(space: IndicatorSpace, supernet: nn.Module) -> list[nn.Parameter]:
    """Scale and shift of all norms that the indicator reads."""
    return [parameter for norms in space.last_norms(supernet) for norm in norms
            if norm is not None for parameter in (norm.weight, norm.bias)]


def block_scores(space: IndicatorSpace, supernet: nn.Module) -> list[Floats]:
    """Mean |gamma| of each choice, by decision, each of shape ``(choices,)``."""
    return [
        np.array([0.0 if norm is None else float(norm.weight.detach().abs().mean())
                  for norm in norms])
        for norms in space.last_norms(supernet)
    ]


def indicator(scores: Sequence[Floats], vectors: Vectors) -> Floats:
    """The indicator of architectures; larger is better.

    Args:
        scores: from `block_scores`.
        vectors: index vectors, shape ``(count, decisions)``.

    Returns:
        Shape ``(count,)``.
    """
    total = np.zeros(len(vectors))
    for place, each in enumerate(scores):
        total += each[vectors[:, place]]
    return total
