from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from luts.errors import UserError
from profiler.attribution import owners
from profiler.runtimes.onnxruntime import OnnxRuntime
from supernet.export import INPUTS, export_network
from supernet.spaces.flownas import GENES, flownas, flownas_small
from tests.conformance.space import SpaceConformance

PUBLISHED = {
    # width, kernel, depth, expansion of the released architectures.
    "FlowNAS-RAFT-S": (
        (64, 72, 96, 104, 120, 136), (3, 3, 5, 3, 5, 5), (2, 2, 2, 1, 2, 1), (1, 2, 5, 5, 6, 6)
    ),
    "FlowNAS-RAFT-K": (
        (64, 72, 88, 104, 120, 136), (3, 5, 3, 5, 5, 5), (2, 1, 1, 2, 2, 1), (1, 4, 6, 5, 6, 6)
    ),
}


class TestFlowNASSmall(SpaceConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return flownas_small()


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def published(name):
    genes = dict(zip(GENES, PUBLISHED[name], strict=True))
    return flownas().architecture(
        {f"cell{c + 1}.{g}": values[c] for g, values in genes.items() for c in range(6)}
    )


def test_both_spaces_have_the_published_size():
    assert flownas().size == flownas_small().size == 80_621_568


def test_parameter_counts_are_the_published_ones():
    space = flownas()
    with torch.device("meta"):
        assert parameters(space.build_reference()) == 5_257_536
        assert parameters(space.build(published("FlowNAS-RAFT-K"))) == 5_101_712
        assert parameters(space.build(published("FlowNAS-RAFT-S"))) == 5_071_824
        assert parameters(space.build(space.decode(space.smallest))) == 4_442_496
        assert parameters(space.build(space.decode(space.largest))) == 7_841_008


def test_batch_is_in_every_operator_and_in_the_exported_input(tmp_path: Path) -> None:
    space = flownas_small().at_batch(3)
    vector = np.zeros(len(space.decisions), dtype=np.int64)
    placed = space.lower(space.decode(vector))
    assert {item.operator.inputs[0][0] for item in placed} <= {3, 6}
    assert len(placed) == len(flownas_small().lower(space.decode(vector)))
    space.export_onnx(None, tmp_path / "m.onnx")
    inputs = onnx.load(tmp_path / "m.onnx").graph.input
    assert [[d.dim_value for d in i.type.tensor_type.shape.dim] for i in inputs] == [
        [3, 3, 192, 256]] * 2
    with pytest.raises(UserError, match="got 0"):
        space.at_batch(0)


def test_joined_export_is_the_whole_export(tmp_path: Path) -> None:
    """Same results, and each executed node belongs to the same operator."""
    space, runtime = flownas_small(), OnnxRuntime()
    rng = np.random.default_rng(0)
    space.export_onnx(None, tmp_path / "first.onnx")
    torch.manual_seed(0)
    head = space.build_reference().head
    architecture = space.decode(space.sample(rng, 1)[0])
    space.export_onnx(architecture, tmp_path / "joined.onnx")
    torch.manual_seed(0)
    network = space.build(architecture)
    network.head = head
    placed = space.lower(architecture)
    export_network(network, tmp_path / "whole.onnx", 192, 256, placed)
    frames = {name: rng.random((1, 3, 192, 256), dtype=np.float32) for name in INPUTS}
    results, owned = [], []
    for name in ("joined", "whole"):
        path = tmp_path / f"{name}.onnx"
        results.append(ort.InferenceSession(path).run(None, frames)[0])
        with closing(runtime.open(path, profile=True)) as session:
            graph = session.graph()
        owner = owners(graph, {item.path for item in placed})
        owned.append([(node.kind, owner[node.name]) for node in graph])
    assert np.array_equal(*results)
    assert owned[0] == owned[1]


def test_the_full_space_inherits_too():
    space = flownas()
    torch.manual_seed(0)
    supernet = space.build_supernet().eval()
    architecture = published("FlowNAS-RAFT-S")
    for encoder in (supernet.fnet, supernet.cnet):
        encoder.choice = space.encoder_choice(architecture)
    frames = [torch.rand(1, 3, 64, 64) * 255 for _ in range(2)]
    network = space.inherit(supernet, architecture).eval()
    with torch.no_grad():
        # fnet alone: a flow of an untrained full head grows without bound.
        ours = network.fnet.taps(frames[0])[-1]
        theirs = supernet.fnet.taps(frames[0])[-1]
    assert torch.allclose(ours, theirs, atol=1e-4)
