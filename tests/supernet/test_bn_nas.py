import gzip
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from luts.errors import UserError
from supernet.indicator import block_scores, indicator, indicator_parameters
from supernet.spaces._chain import IDENTITY, Block, ChainConfig
from supernet.spaces.bn_nas import bn_nas, bn_nas_small
from supernet.spaces.chain import ChainSpace
from supernet.spaces.nasbench_macro import nasbench_macro
from tests.conformance.classifier import ClassifierConformance
from tests.supernet.chains import multiply_adds

DATA = Path(os.environ.get("METRONAS_DATA", Path(__file__).parents[3] / "shared" / "data"))
SKIPPING = ChainConfig(
    stem=8, stem_stride=2, first=None, stages=((12, 2, 2), (16, 2, 1)),
    blocks=(Block(3, 3), Block(5, 6), IDENTITY), last=32, classes=4, height=17, width=17,
)


class TestBNNASSmall(ClassifierConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return bn_nas_small()


class TestAnotherChain(ClassifierConformance):
    """Odd sizes, and no fixed first block."""

    @pytest.fixture(scope="class")
    def space(self):
        return ChainSpace("other", SKIPPING, 0)


class TestNASBenchMacro(ClassifierConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return nasbench_macro()


@pytest.mark.parametrize(("name", "mmacs", "params"), [
    ("bn-nas", 473.5, 5.2), ("spos", 468.8, 5.8),
])
def test_published_architectures_have_the_published_size(name, mmacs, params):
    space = bn_nas()
    architecture = space.published()[name]
    with torch.device("meta"):
        network = space.build(architecture)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(params, abs=0.05)
    # The released table counts the classifier's additions too.
    assert multiply_adds(space, architecture) / 1e6 + 1.728 == pytest.approx(mmacs, abs=0.06)


def test_the_full_space_has_the_paper_s_layers():
    space = bn_nas()
    assert space.size == 6**17
    assert [d.name for d in space.decisions][:4] == ["layer0", "layer2", "layer3", "layer4"]
    shapes = [item.operator.inputs[0] for item in space.lower(space.decode(space.largest))]
    assert all(a[2] >= b[2] for a, b in pairwise(s for s in shapes if len(s) == 4))
    assert shapes[-1] == (1, 1728)


def test_the_indicator_sums_mean_gammas_of_last_norms():
    space = ChainSpace("other", SKIPPING, 0)
    supernet = space.build_supernet()
    with torch.no_grad():
        for layer, norms in enumerate(space.last_norms(supernet)):
            for value, norm in enumerate(norms):
                if norm is not None:
                    norm.weight.fill_(-(layer + 1) * (value + 1))
    scores = block_scores(space, supernet)
    vectors = np.array([[0, 0, 0, 0], [1, 2, 1, 2]])
    assert indicator(scores, vectors).tolist() == [1 + 2 + 3 + 4, 2 + 6]
    assert len(indicator_parameters(space, supernet)) == 2 * 2 * 4


def test_no_block_counts_nothing_where_the_shape_changes():
    space = nasbench_macro()
    scores = block_scores(space, space.build_supernet())
    assert [each.tolist() for each in scores] == [[0.0, 1.0, 1.0]] * 8
    assert indicator(scores, space.largest[None]) == [8.0]


def test_an_identity_layer_costs_nothing_and_runs():
    space = ChainSpace("other", SKIPPING, 0)
    assert space.lower_factor(space.factors[2], [2]) == []
    # Where the width or the resolution changes there is no identity.
    with pytest.raises(UserError, match="layer0"):
        space.architecture({**space.decode(space.smallest).as_json(), "layer0": 2})


def test_batch_is_in_the_exported_input(tmp_path: Path):
    space = bn_nas_small().at_batch(3)
    space.export_onnx(None, tmp_path / "m.onnx")
    (given,) = onnx.load(tmp_path / "m.onnx").graph.input
    assert [d.dim_value for d in given.type.tensor_type.shape.dim] == [3, 3, 32, 32]


def test_nasbench_macro_has_the_published_weights_and_multiply_adds():
    path = DATA / "nasbench_macro" / "nas-bench-macro_cifar10.json.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt") as file:
        published = json.load(file)
    space = nasbench_macro()
    rng = np.random.default_rng(0)
    for vector in [space.smallest, space.largest, *space.sample(rng, 10)]:
        architecture = space.decode(vector)
        known = published["".join(map(str, space.choice(architecture)))]
        with torch.device("meta"):
            network = space.build(architecture)
        assert sum(p.numel() for p in network.parameters()) == known["params"]
        assert multiply_adds(space, architecture) == known["flops"]
