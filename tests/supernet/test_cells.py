from itertools import product

import numpy as np
import onnx
import pytest
import torch

from luts.errors import UserError
from luts.spaces import load_space
from supernet.layers.cells import Reduce, make_operation
from supernet.spaces._cell import NORMAL, OPERATIONS, REDUCTION, CellConfig, Input
from supernet.spaces._cell_networks import CellNetwork
from supernet.spaces._sharing import Wirings, cells_read, executed
from supernet.spaces.cell import CellSpace
from supernet.spaces.parsec import REFERENCE, parsec_darts, parsec_darts_large, parsec_darts_small
from tests.conformance.classifier import ClassifierConformance
from tests.supernet.chains import multiply_adds

TINY = CellConfig(cells=4, channels=4, classes=3, height=16, width=24, stem_stride=2)


class CellConformance(ClassifierConformance):
    random_architectures = 8


class TestSmallCells(CellConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return parsec_darts_small()


class TestOtherSizes(CellConformance):
    """Two reductions in a row, and no square."""

    @pytest.fixture(scope="class")
    def space(self):
        return CellSpace("tiny", TINY, REFERENCE)


def weights(network):
    return sum(p.numel() for p in network.parameters())


def test_the_published_cell_has_the_published_weights():
    """DARTS's second-order cell in 20 cells of 36 channels: 3.349342 M (its released code)."""
    space = parsec_darts_large()
    with torch.device("meta"):
        network = space.build(space.published()["darts"])
    assert weights(network) == 3_349_342


def test_the_supernet_has_the_published_weights():
    """DARTS's search network, whose norms but the first have no weights: 1.930618 M."""
    with torch.device("meta"):
        supernet = parsec_darts().build_supernet()
    norms = sum(p.numel() for name, module in supernet.named_modules()
                for p in module.parameters(recurse=False)
                if isinstance(module, torch.nn.BatchNorm2d) and name != "norm")
    distribution = weights(supernet.distribution)
    assert weights(supernet) - norms - distribution == 1_930_618


def test_the_space_is_as_large_as_the_paper_s():
    assert parsec_darts().size == (14 * 21 * 28 * 35) ** 4
    assert load_space("parsec-darts-small").size == parsec_darts().size


def lowered_by_factors(space, architecture):
    return [item for factor in space.factors for item in space.lower_factor(
        factor, [architecture[space.decisions[i].name] for i in factor.decisions])]


def test_factors_are_the_network_and_what_it_need_not_compute():
    space = parsec_darts_small()
    left_out = []
    for vector in space.sample(np.random.default_rng(1), 40):
        architecture = space.decode(vector)
        placed, parts = space.lower(architecture), lowered_by_factors(space, architecture)
        assert set(placed) <= set(parts) and len(set(parts)) == len(parts)
        left_out.append(len(parts) - len(placed))
        cells = [int(p.path.split(".")[1]) for p in placed if p.path.startswith("cells.")]
        assert cells == sorted(cells) and placed[0].path == "input"
    assert min(left_out) == 0 < max(left_out)
    reference = space._reference
    assert set(space.lower(reference)) == set(lowered_by_factors(space, reference))


def test_no_two_factors_share_a_decision():
    space = parsec_darts_small()
    seen = [i for factor in space.factors for i in factor.decisions]
    assert sorted(seen) == list(range(len(space.decisions)))
    assert sorted(i for group in space.groups for i in group) == sorted(seen)


def pools(*origins):
    return tuple((Input(a, 2), Input(b, 1)) for a, b in origins)


def steps(mask):
    """Of the only architecture."""
    return [tuple(place) for place in np.argwhere(mask[..., 0]).tolist()]


def test_what_is_the_same_is_executed_once():
    """Pools of one state, sums of the same, and what follows from these."""
    found = executed(NORMAL, Wirings.of(pools((0, 1), (0, 1), (2, 1), (3, 1))))
    assert steps(found.sums) == [(0,), (2,)] and found.entries.all()
    assert steps(found.inputs) == [(0, 0), (0, 1), (2, 0)]
    # Other operations, another order and convolutions differ.
    skips = ((Input(0, 0), Input(1, 0)), (Input(1, 0), Input(0, 0)), (Input(0, 5), Input(0, 5)),
             (Input(0, 0), Input(1, 0)))
    found = executed(NORMAL, Wirings.of(skips))
    assert steps(found.inputs) == [(2, 0), (2, 1)] and steps(found.sums) == [(0,), (1,), (2,)]
    # An identity of half the size has weights.
    assert executed(REDUCTION, Wirings.of(skips)).inputs.all()


def test_cells_that_no_later_one_reads_are_left_out():
    """Five cells, the second and fourth reductions; the last is read by the head."""
    config = parsec_darts_small().config
    first, second = (tuple((Input(n, 5), Input(n, 0)) for _ in range(4)) for n in (0, 1))
    every = REFERENCE[NORMAL]
    for normal, halving, expected in (
        (every, every, [True] * 5),
        (first, first, [True, False, True, False, True]),
        (second, second, [True] * 5),
        (first, every, [True, False, True, False, True]),
        (every, first, [True] * 5),
    ):
        wirings = {NORMAL: normal, REDUCTION: halving}
        assert list(cells_read(config, wirings)) == expected
        network = CellNetwork(config, wirings)
        assert [isinstance(cell, torch.nn.Identity) for cell in network.cells] == [
            not one for one in expected]


@pytest.mark.parametrize(("normal", "idle"), [
    (pools((0, 1), (0, 1), (2, 1), (3, 1)), ()),
    (pools((1, 1), (2, 2), (1, 3), (4, 3)), (0,)),
    (tuple((Input(0, 5), Input(0, 0)) for _ in range(4)), (1,)),
])
def test_the_exported_model_has_what_is_lowered_and_no_more(tmp_path, normal, idle):
    space = CellSpace("tiny", TINY, REFERENCE)
    architecture = space.wired({NORMAL: normal, REDUCTION: normal})
    space.export_onnx(architecture, tmp_path / "m.onnx")
    graph = onnx.load(str(tmp_path / "m.onnx")).graph
    owners = {n.name.partition("/")[0] for n in graph.node if n.op_type != "Constant"}
    lowered = {item.path for item in space.lower(architecture)}
    assert owners == lowered
    assert not any(path.startswith("cells.") and path.split(".")[2] == f"pre{number}"
                   for path in lowered for number in idle)
    assert (len(lowered_by_factors(space, architecture)) > len(lowered))


@pytest.mark.parametrize(("operation", "stride"), list(product(OPERATIONS, (1, 2))))
def test_every_operation_keeps_channels_and_lowers_to_its_shape(operation, stride):
    module = make_operation(operation.kind, operation.kernel, 6, stride).eval()
    out = module(torch.randn(2, 6, 8, 12))
    assert out.shape == (2, 6, 8 // stride, 12 // stride)


def test_a_dilated_convolution_skips_pixels():
    module = make_operation("dilated", 3, 2, 1).eval()
    x = torch.zeros(1, 2, 9, 9)
    x[:, :, 4, 4] = 1
    with torch.no_grad():
        module.depthwise1.weight.fill_(1)
        reached = module.depthwise1(x)[0, 0].nonzero()
    assert sorted(set(reached[:, 0].tolist())) == [2, 4, 6]


def test_both_halves_of_a_reduction_together_see_every_second_pixel():
    module = Reduce(2, 4).eval()
    with torch.no_grad():
        for conv in (module.first, module.second):
            conv.weight.fill_(0)
            conv.weight[:, 0] = 1
    x = torch.rand(1, 2, 6, 6)
    y = module(x) * (1 + 1e-5) ** 0.5
    assert torch.allclose(y[:, 0], x[:, 0, ::2, ::2], atol=1e-6)
    assert torch.allclose(y[:, 2], x[:, 0, 1::2, 1::2], atol=1e-6)


def test_the_supernet_shares_operations_between_both_inputs_of_a_node():
    space = CellSpace("tiny", TINY, REFERENCE)
    supernet = space.build_supernet()
    twice = tuple((Input(1, 5), Input(1, 5)) for _ in range(4))
    network = space.inherit(supernet, space.wired({NORMAL: twice, REDUCTION: twice}))
    ours, theirs = network.cells[0].nodes[1].inputs
    assert torch.equal(ours.depthwise1.weight, theirs.depthwise1.weight)
    assert weights(supernet) > weights(network)


def test_work_grows_with_the_operation():
    space = parsec_darts_small()
    base = space.decode(space.smallest).as_json()
    each = [multiply_adds(space, space.architecture({**base, "normal.node0.input0.op": op}))
            for op in range(len(OPERATIONS))]
    assert each[0] == each[1] == each[2] and sorted(each) == each and each[2] < each[3]


def test_sizes_that_do_not_halve_are_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        CellConfig(cells=5, channels=8, classes=2, height=36, width=32, stem_stride=2)


def test_a_state_that_comes_later_is_refused():
    space = parsec_darts_small()
    wrong = ((Input(2, 0), Input(0, 0)), *REFERENCE[NORMAL][1:])
    with pytest.raises(UserError, match=r"normal\.node0\.input0\.from=2"):
        space.wired({NORMAL: wrong, REDUCTION: REFERENCE[REDUCTION]})
