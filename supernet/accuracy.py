"""The AccuracySource seam: what a search asks of accuracy."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from luts.space import Architecture

if TYPE_CHECKING:
    from torch import nn

Array = npt.NDArray[np.float32]
Terms = Sequence[tuple[tuple[int, ...], npt.NDArray[np.float64]]]
"""Indices of decisions, and a value of each combination of their choices, the last the fastest."""
Hints = list[npt.NDArray[np.float64]]
Image = npt.NDArray[np.uint8]
Predict = Callable[..., Array]
"""Output of a network for its inputs, in the order of `AccuracySource.example_inputs`."""


class AccuracySource(abc.ABC):
    """Scores architectures with inherited weights and hands over their networks.

    Attributes:
        objective: name of the metric that a search minimises.
        identity: what the scores rest on (digests of weights, training steps).
        caption: what `pictures` show.
    """

    objective: str
    identity: dict[str, str | int]
    caption: str

    @abc.abstractmethod
    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        """Metrics on the validation data, with inherited weights and fresh batch statistics.

        Args:
            architecture: whose network is scored.
            pairs: the first so many of the validation pairs or images (None: all).
        """

    def sums(self) -> Mapping[str, Terms]:
        """Metrics that are known of every architecture beforehand, as sums over decisions."""
        return {}

    def remember(self) -> dict[str, Any]:
        """What the task needs to find the examples of these scores again, as plain JSON.

        A run keeps it, and `Task.hand_over` takes it; empty where the space says it all.
        """
        return {}

    def hints(self) -> Hints | None:
        """What training says of single choices, which strategies may go by.

        Returns:
            By decision a score of each choice, larger is better, minus infinity for one that
            training removed, each of shape ``(choices,)``; None where it says nothing.
        """
        return None

    @abc.abstractmethod
    def score_reference(self) -> dict[str, float]:
        """The baseline's metrics on the same data."""

    @abc.abstractmethod
    def network(self, architecture: Architecture | None) -> nn.Module:
        """A deployable network (None: the reference)."""

    @abc.abstractmethod
    def export(self, network: nn.Module, path: Path) -> None:
        """Writes a network of `network` as ONNX."""

    @abc.abstractmethod
    def example_inputs(self) -> dict[str, Array]:
        """Inputs of the exported model by name."""

    @abc.abstractmethod
    def output_of(self, network: nn.Module, inputs: Mapping[str, Array]) -> Array:
        """What torch computes for the same inputs."""

    @abc.abstractmethod
    def score_model(self, predict: Predict) -> dict[str, float]:
        """Metrics of any predictor, such as an exported model, on the validation data."""

    @abc.abstractmethod
    def pictures(self, predictors: Mapping[str, Predict], count: int) -> list[dict[str, Image]]:
        """Panels (H, W, 3) by title for some validation examples, with input and truth."""

    @abc.abstractmethod
    def parameters(self, architecture: Architecture | None) -> int:
        """Parameters of the whole deployable network (None: the reference)."""


def load_accuracy(recipe: str, weights: Path | None = None) -> AccuracySource:
    """The accuracy source of a recipe.

    Args:
        recipe: its name.
        weights: folder of a training run (None: the weights that ship with the package).

    Raises:
        UserError: no such recipe or no weights.
    """
    from luts.spaces import load_space
    from supernet.space import SearchSpace
    from supernet.tasks.base import task_of

    return task_of(recipe).accuracy(cast(SearchSpace, load_space(recipe)), weights)
