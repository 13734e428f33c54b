"""Exports with free sizes, and with the updates in a loop, compute what PyTorch does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from supernet.export import INPUTS, export_network
from supernet.looped import export_looped
from supernet.raft.network import FlowNetwork
from supernet.spaces.flownas import flownas, flownas_small

ort = pytest.importorskip("onnxruntime")
H, W = 64, 96


@pytest.fixture(scope="module", params=[flownas_small, flownas], ids=["small", "full"])
def network(request: pytest.FixtureRequest) -> FlowNetwork:
    space = request.param()
    torch.manual_seed(0)
    built = space.build(space.decode(space.smallest)).eval().requires_grad_(False)
    built.iterations = 3
    torch.nn.init.normal_(built.head.update.flow2.weight, std=0.1)  # so that the flow moves
    return built


def apart(network: FlowNetwork, path: Path, height: int, width: int) -> float:
    rng = torch.Generator().manual_seed(1)
    frames = [255 * torch.rand(1, 3, height, width, generator=rng) for _ in INPUTS]
    truth = network(*frames).numpy()
    assert np.abs(truth).max() > 0.01
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {n: f.numpy() for n, f in zip(INPUTS, frames, strict=True)})[0]
    return float(np.abs(found - truth).max() / np.abs(truth).max())


def test_a_loop_computes_the_same(network: FlowNetwork, tmp_path: Path) -> None:
    export_looped(network, tmp_path / "loop.onnx", H, W)
    graph = onnx.load(tmp_path / "loop.onnx").graph
    assert [node.op_type for node in graph.node].count("Loop") == 1
    assert apart(network, tmp_path / "loop.onnx", H, W) < 1e-4


def test_free_sizes_compute_the_same_at_every_size(network: FlowNetwork, tmp_path: Path) -> None:
    export_network(network, tmp_path / "free.onnx", H, W, [], dynamic=True)
    for height, width in ((H, W), (72, 64), (128, 80)):
        assert apart(network, tmp_path / "free.onnx", height, width) < 1e-4
    assert not network.head.lookup.free_sizes


def test_fixed_sizes_keep_their_constants(network: FlowNetwork, tmp_path: Path) -> None:
    export_network(network, tmp_path / "fixed.onnx", H, W, [], opset=18)
    read = onnx.load(tmp_path / "fixed.onnx")
    assert read.opset_import[0].version == 18
    sizes = [d.dim_value for d in read.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == [1, 3, H, W]
    assert apart(network, tmp_path / "fixed.onnx", H, W) < 1e-4
