import pytest
import torch

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
