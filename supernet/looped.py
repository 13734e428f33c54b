"""Export with the recurrent updates as one ONNX ``Loop`` instead of written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from luts.files import atomic_path
from supernet._splice import Encoders, trace
from supernet.export import INPUTS, OPSET, OUTPUT
from supernet.raft.network import FlowHead, FlowNetwork, coordinates
from supernet.raft.update import GateShares, bilinear_upsample

_STATE = ("state", "coords")


class _Before(nn.Module):
    """Everything up to the first update: state, coordinates, context's shares, pyramid."""

    def __init__(self, network: FlowNetwork) -> None:
        super().__init__()
        self.encoders, self.head = Encoders(network), network.head

    def forward(self, frame1: torch.Tensor, frame2: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features1, features2, context = self.encoders(frame1, frame2)
        config = self.head.config
        state, context = torch.split(context, [config.hidden, config.context], dim=1)
        shares = self.head.update.prepare(F.relu(context))
        flat = [part for share in shares for part in (share.gates, share.candidate)]
        pyramid = self.head.correlation(features1, features2)
        return torch.tanh(state), coordinates(features1), *flat, *pyramid


class _Update(nn.Module):
    """One update; weights of the gates are cut out anew, which folds into constants."""

    def __init__(self, head: FlowHead) -> None:
        super().__init__()
        self.head = head

    def forward(
        self, state: torch.Tensor, coords: torch.Tensor, *rest: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        head, count = self.head, len(self.head.update.gru)
        context = state.new_zeros(1, head.config.context, *state.shape[2:])
        cut = head.update.prepare(context)
        shares = [
            GateShares(cut[i].gate_weight, cut[i].candidate_weight, rest[2 * i], rest[2 * i + 1])
            for i in range(count)
        ]
        correlation = head.lookup(list(rest[2 * count :]), coords)
        state, change = head.update(state, shares, correlation, coords - coordinates(coords))
        return state, coords + change


class _After(nn.Module):
    """From the last state and coordinates to the flow."""

    def __init__(self, head: FlowHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, state: torch.Tensor, coords: torch.Tensor) -> torch.Tensor:
        flow = coords - coordinates(coords)
        if self.head.mask is None:
            return bilinear_upsample(flow)
        fine: torch.Tensor = self.head.upsample(flow, self.head.mask(state))
        return fine


def export_looped(
    network: FlowNetwork, path: Path, height: int, width: int, *, opset: int = OPSET
) -> None:
    """Writes a flow network as ONNX with fixed shapes and its updates in a ``Loop``.

    Args:
        network: takes two frames (1, 3, H, W) in 0..255, gives flow (1, 2, H, W).
        path: target file.
        height: H, divisible by 8.
        width: W, divisible by 8.
        opset: of the graph.
    """
    import onnx
    from onnx import compose

    network.eval()
    frames = torch.zeros(1, 3, height, width)
    before, update = _Before(network).eval(), _Update(network.head).eval()
    with torch.no_grad():
        between = before(frames, frames)
    fixed = tuple(f"fixed{i}" for i in range(len(between) - 2))
    updated = tuple(f"{name}_next" for name in _STATE)
    with atomic_path(path) as temporary:
        whole = trace(before, (frames, frames), INPUTS, _STATE + fixed, temporary, opset)
        step = trace(update, between, _STATE + fixed, updated, temporary, opset)
        after = trace(_After(network.head).eval(), between[:2], _STATE, (OUTPUT,), temporary, opset)
        step = compose.add_prefix(step, "update:", rename_inputs=False, rename_outputs=False)
        after = compose.add_prefix(after, "after:", rename_inputs=False, rename_outputs=False)
        _join(whole, step.graph, after.graph, network.iterations)
        onnx.checker.check_model(whole)
        onnx.save(whole, str(temporary))


def _join(whole: Any, step: Any, after: Any, iterations: int) -> None:
    """Puts loop and end behind the beginning; the body reads what stays fixed from outside."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    kinds = {value.name: value for value in step.input}
    inside = {name: f"{name}_inside" for name in _STATE}
    for node in step.node:
        for place, name in enumerate(node.input):
            node.input[place] = inside.get(name, name)
    scalars = [helper.make_tensor_value_info("turn", TensorProto.INT64, []),
               helper.make_tensor_value_info("go", TensorProto.BOOL, [])]
    carried = []
    for name in _STATE:
        value = type(kinds[name])()
        value.CopyFrom(kinds[name])
        value.name = inside[name]
        carried.append(value)
    goes_on = helper.make_tensor_value_info("go_on", TensorProto.BOOL, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"], "update/go_on"), *step.node], "update",
        [*scalars, *carried], [goes_on, *step.output],
    )
    last = {name: f"{name}_last" for name in _STATE}
    for node in after.node:
        for place, name in enumerate(node.input):
            node.input[place] = last.get(name, name)
    graph = whole.graph
    graph.initializer.extend([
        *step.initializer, *after.initializer,
        numpy_helper.from_array(np.array(iterations, dtype=np.int64), "iterations"),
        numpy_helper.from_array(np.array(True), "always"),
    ])
    graph.node.append(helper.make_node(
        "Loop", ["iterations", "always", *_STATE], list(last.values()), "head/Loop", body=body))
    graph.node.extend(after.node)
    del graph.output[:]
    graph.output.extend(after.output)
    del graph.value_info[:]
