"""Export of many networks that share a head: the head is traced once, and joined to each."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from luts.files import atomic_path
from luts.operator import PlacedOperator
from supernet.export import INPUTS, OPSET, OUTPUT, name_nodes
from supernet.raft.network import FlowHead, FlowNetwork, normalised

_BETWEEN = ("features1", "features2", "context")
_PREFIX = "joined:"


class Encoders(nn.Module):
    """A flow network up to its head."""

    def __init__(self, network: FlowNetwork) -> None:
        super().__init__()
        self.fnet, self.cnet = network.fnet, network.cnet

    def forward(self, frame1: torch.Tensor, frame2: torch.Tensor) -> tuple[torch.Tensor, ...]:
        both = normalised(torch.cat([frame1, frame2]))
        features1, features2 = self.fnet(both).chunk(2)
        return features1, features2, self.cnet(both[: frame1.shape[0]])


class _Head(nn.Module):
    """What follows, under the name that it has in the whole network."""

    def __init__(self, head: FlowHead, iterations: int) -> None:
        super().__init__()
        self.head, self.iterations = head, iterations

    def forward(
        self, features1: torch.Tensor, features2: torch.Tensor, context: torch.Tensor
    ) -> torch.Tensor:
        flow: torch.Tensor = self.head(features1, features2, context, self.iterations)[-1]
        return flow


class SplicedExport:
    """Exports networks for measuring; all get the head of the first one.

    Args:
        batch: pairs of frames per inference.
    """

    def __init__(self, batch: int = 1) -> None:
        self._batch = batch
        self._head: Any = None

    def __call__(
        self, network: FlowNetwork, path: Path, height: int, width: int,
        placed: Iterable[PlacedOperator],
    ) -> None:
        """Writes one network; see `supernet.export.export_network`."""
        import onnx
        from onnx import compose

        network.eval()
        frames = torch.zeros(self._batch, 3, height, width)
        encoders = Encoders(network).eval()
        with atomic_path(path) as temporary:
            model = trace(encoders, (frames, frames), INPUTS, _BETWEEN, temporary)
            if self._head is None:
                head = _Head(network.head, network.iterations).eval()
                with torch.no_grad():
                    between = encoders(frames, frames)
                traced = trace(head, between, _BETWEEN, (OUTPUT,), temporary)
                # Both were named by tracers that knew nothing of each other.
                self._head = compose.add_prefix(
                    traced, _PREFIX, rename_nodes=False, rename_outputs=False
                )
            whole = compose.merge_models(
                model, self._head, [(name, _PREFIX + name) for name in _BETWEEN]
            )
            name_nodes(whole, {item.path for item in placed})
            onnx.checker.check_model(whole)
            onnx.save(whole, str(temporary))


def trace(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], names: tuple[str, ...],
    outputs: tuple[str, ...], path: Path, opset: int = OPSET,
) -> Any:
    """A module as ONNX with fixed shapes; `path` is a scratch file."""
    import onnx

    with torch.no_grad(), warnings.catch_warnings():
        # Shapes are fixed on purpose: the tracer's warnings about constants do not apply.
        warnings.simplefilter("ignore")
        torch.onnx.export(module, inputs, str(path), dynamo=False, opset_version=opset,
                          input_names=list(names), output_names=list(outputs),
                          do_constant_folding=True)
    return onnx.load(str(path))
