"""What handing over a network takes beside the network, which its task knows."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

Array = npt.NDArray[np.float32]
Inputs = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Form:
    """How a network is written as ONNX.

    Attributes:
        opset: of the graph.
        free_sizes: whether height and width stay free.
        loop: whether recurrent updates are a ``Loop`` instead of written out.
    """

    opset: int
    free_sizes: bool = False
    loop: bool = False


class HandOver(abc.ABC):
    """Examples, scores and words for networks of one space; `Task.hand_over` gives it.

    Attributes:
        inputs: held-out examples on which outputs are compared and metrics taken: arrays by the
            names of the exported model's inputs, in the order in which the network takes them,
            each of one inference.
        calibration: other examples, from which quantisation learns ranges.
        preprocessing: what inputs and outputs are, by name, for people and programs; plain JSON.
        data_terms: what the weights were learned from and what comes along of it, with licences,
            in sentences.
        exact_in_half: parts that stay fp32 where others compute in fp16 or bf16: paths of
            operators, ``fnet.*`` for all below ``fnet``.
        exact_in_int8: parts whose convolutions are not quantised.
    """

    inputs: Sequence[Inputs]
    calibration: Sequence[Inputs]
    preprocessing: Mapping[str, Any]
    data_terms: str
    exact_in_half: tuple[str, ...] = ()
    exact_in_int8: tuple[str, ...] = ()

    @abc.abstractmethod
    def export(self, network: nn.Module, path: Path, form: Form) -> None:
        """Writes a network as ONNX whose nodes are named by operator.

        Raises:
            UserError: networks of this task do not come in that form.
        """

    @abc.abstractmethod
    def score(self, outputs: Sequence[Array]) -> dict[str, float]:
        """Metrics of the outputs for `inputs`, in their order; smaller is better."""
