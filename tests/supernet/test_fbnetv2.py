import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from evolution.counts import gathered
from evolution.programme import Programme
from evolution.quantities import quantity
from evolution.score import Score
from luts._costs import cost_of
from luts.errors import UserError
from luts.operator import Operator
from luts.spaces import load_space
from predictor.unmeasured.kernels import CLASSES, kernels
from profiler.attribution import owners
from profiler.runtimes import load_runtime
from supernet.layers.activations import activation
from supernet.layers.inverted import InvertedResidual
from supernet.layers.split_attention import SplitAttention
from supernet.spaces._elastic_chain import ElasticConfig, Row
from supernet.spaces.bn_nas import bn_nas_small
from supernet.spaces.elastic_chain import ElasticChainSpace
from supernet.spaces.fbnetv2 import (
    F_CONFIG,
    SPLITS,
    fbnetv2_f,
    fbnetv2_f_fine,
    fbnetv2_f_fine_small,
    fbnetv2_f_small,
    fbnetv2_f_split_small,
)
from supernet.training.supernet_rules import check_rule
from tests.conformance.classifier import ClassifierConformance
from tests.supernet.chains import multiply_adds
from tests.supernet.images import tiny_image_settings

ODD = ElasticConfig(
    stem=8, stem_stride=2, first=8, last=24, classes=3, height=19, width=17, act="silu",
    rows=(Row((8, 12), 1, 1, (1.0,)), Row((8, 12), 3, 2, (0.75, 1.5))), splits=SPLITS,
)
SKIPPED = {"row1.width": 8, "row2.width": 8, "row1.kernel": 0, "row2.kernel": 0}


class TestFBNetV2FSmall(ClassifierConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return fbnetv2_f_small()


class TestFBNetV2FFineSmall(ClassifierConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return fbnetv2_f_fine_small()


class TestSplitAttentionSmall(ClassifierConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return fbnetv2_f_split_small()


class TestOddSizes(ClassifierConformance):
    """A fixed first block, layers behind the first of a row, sizes that strides do not divide."""

    @pytest.fixture(scope="class")
    def space(self):
        return odd()


def odd():
    return ElasticChainSpace("odd", ODD, ODD.middle(kernel=3, expansion=1.5, act="relu", splits=0))


@pytest.mark.parametrize("name", ["fbnetv2-f", "fbnetv2-f-fine", "fbnetv2-f-split"])
def test_the_full_spaces_are_found_lowered_and_built(name):
    space = load_space(name)
    for vector in space.sample(np.random.default_rng(0), 2):
        architecture = space.decode(vector)
        with torch.device("meta"):
            network = space.build(architecture)
        convs = {key for key, m in network.named_modules() if isinstance(m, torch.nn.Conv2d)}
        lowered = {p.path for p in space.lower(architecture) if p.operator.kind == "conv"}
        assert lowered == convs


def test_sizes_are_those_that_the_table_gives():
    """Choices within rows make 3e24, per layer 6e42 (by count of the table; the paper: 6e25, 1e45).

    """
    assert f"{fbnetv2_f().size:.0e}" == "3e+24"
    assert f"{fbnetv2_f_fine().size:.0e}" == "6e+42"
    assert load_space("fbnetv2-f-split").size == fbnetv2_f().size * 2**10
    assert len(fbnetv2_f_fine().config.rows) == 17


def test_published_work_and_weights_lie_within_the_space():
    """F1 at 128 pixels has 56 M multiply-adds, F4 at 256 has 242 M; S1++ 66 and S4++ 268.

    S1++ has 5.9 M weights, S4++ 6.4 M.
    """
    rng = np.random.default_rng(0)
    for side, splits, published, weights in (
        (128, (0, 1), 56, None), (256, (0, 1), 242, None),
        (128, SPLITS, 66, 5.9), (256, SPLITS, 268, 6.4),
    ):
        config = replace(F_CONFIG, height=side, width=side, splits=splits)
        space = ElasticChainSpace("f", config, config.middle(
            kernel=3, expansion=3.0, act="relu", splits=0))
        drawn = [space.decode(v) for v in (space.largest, *space.sample(rng, 20))]
        work = [multiply_adds(space, each) / 1e6 for each in drawn]
        assert min(work) < published < max(work) == work[0]
        if weights is None:
            continue
        with torch.device("meta"):
            counts = [sum(p.numel() for p in space.build(each).parameters()) / 1e6
                      for each in drawn]
        assert min(counts) < weights < max(counts) == counts[0]


def test_no_block_is_the_identity_or_a_projection():
    space = odd()
    base = space.reference.as_json()
    kept = space.lower(space.architecture({**base, **SKIPPED}))
    # Row 1 keeps the shape; of row 2 the first layer strides, the others keep it.
    assert [p.path for p in kept if p.path.startswith("layers.")] == ["layers.1.project"]
    wider = space.lower(space.architecture({**base, **SKIPPED, "row1.width": 12}))
    assert [p.path for p in wider if p.path.startswith("layers.")] == [
        "layers.0.project", "layers.1.project"]
    other = space.architecture({**base, **SKIPPED, "row1.splits": 4, "row2.act": 1})
    assert space.lower(other) == kept


def test_splits_and_attention_are_operators_of_their_own():
    space = odd()
    base = space.reference.as_json()
    names = {}
    for splits in SPLITS:
        placed = space.lower(space.architecture({**base, "row1.splits": splits}))
        names[splits] = {p.path.removeprefix("layers.0."): p.operator for p in placed
                         if p.path.startswith("layers.0.")}
    gate = {"attention.pool", "attention.squeeze", "attention.excite", "attention"}
    assert set(names[0]) == {"depthwise", "project"}
    assert set(names[1]) == {"depthwise", "project", *gate}
    assert set(names[4]) == {*(f"depthwise.{i}" for i in range(4)), "project", "attention.join",
                             *gate}
    maps = names[4]["attention"].inputs
    assert len(maps) == 5 and maps[4] == (1, 4 * maps[0][1], 1, 1)
    assert names[2]["attention.excite"].get("out") == 2 * maps[0][1]


def test_every_executed_node_belongs_to_an_operator(tmp_path):
    pytest.importorskip("onnxruntime")
    space = fbnetv2_f_split_small()
    values = space.reference.as_json()
    for row, splits in enumerate(SPLITS, 1):
        values |= {f"row{row}.splits": splits, f"row{row}.act": row % 2}
    architecture = space.architecture(values)
    space.export_onnx(architecture, tmp_path / "m.onnx")
    placed = space.lower(architecture)
    runtime = load_runtime("onnxruntime")
    with closing(runtime.open(tmp_path / "m.onnx", threads=1, profile=True)) as session:
        found = owners(session.graph(), {item.path for item in placed})
    assert None not in found.values()
    # Nothing of an attention is merged into its neighbours.
    gates = {item.path for item in placed if ".attention" in item.path}
    assert gates and gates <= set(found.values())


def test_an_attention_costs_its_products_and_sums():
    several = Operator.make("split_attention", *[(1, 8, 3, 3)] * 4, (1, 32, 1, 1))
    assert cost_of(several).flops == 7 * 72 + 5 * 32
    assert cost_of(several).values_moved == 5 * 72 + 32
    assert cost_of(several).output == (1, 8, 3, 3)
    one = Operator.make("split_attention", (1, 8, 3, 3), (1, 8, 1, 1))
    assert cost_of(one).flops == 72 + 10 * 8
    classes = [CLASSES[int(row[0])] for row in kernels(several)]
    assert classes == ["softmax", *["binary"] * 7]


def test_split_attention_is_a_softmax_over_maps_for_each_channel():
    torch.manual_seed(0)
    layer = SplitAttention(6, 2)
    first, second = torch.randn(2, 3, 6, 4, 5)
    squeezed = F.relu(layer.squeeze((first + second).mean((2, 3), keepdim=True)))
    logits = layer.excite(squeezed).reshape(3, 2, 6, 1, 1)
    share = torch.sigmoid(logits[:, 0] - logits[:, 1])
    expected = share * first + (1 - share) * second
    assert torch.allclose(layer(first, second), expected, atol=1e-6)
    # Equal maps are left as they are, whatever the shares.
    assert torch.allclose(layer(first, first), first, atol=1e-6)


def test_one_split_is_squeeze_excite():
    torch.manual_seed(0)
    layer, x = SplitAttention(6, 1), torch.randn(3, 6, 4, 5)
    gate = torch.sigmoid(layer.excite(F.relu(layer.squeeze(x.mean((2, 3), keepdim=True)))))
    assert torch.allclose(layer(x), x * gate, atol=1e-6)
    assert not torch.allclose(layer(x), x, atol=1e-2)


def test_swish_and_relu_differ_only_in_the_activation():
    torch.manual_seed(0)
    block = InvertedResidual(4, 4, stride=1, kernel=3, expansion=1.5, act="silu").eval()
    x = torch.randn(2, 4, 5, 5)
    swish = block(x)
    block.act = activation("relu")
    assert not torch.allclose(block(x), swish, atol=1e-4)
    assert torch.allclose(activation("silu")(x), x * torch.sigmoid(x))
    with pytest.raises(UserError, match=r"'tanh'.*relu"):
        activation("tanh")


def test_fewer_splits_and_narrower_rows_share_the_first_weights():
    space = fbnetv2_f_split_small()
    supernet = space.build_supernet()
    base = {**space.reference.as_json(), "row2.kernel": 5}
    wide, slim = (space.inherit(supernet, space.architecture({**base, "row2.width": width,
                                                              "row2.splits": splits}))
                  for width, splits in ((24, 4), (16, 2)))
    ours, theirs = slim.layers[1].depthwise, wide.layers[1].depthwise
    assert [len(ours), len(theirs)] == [2, 4]
    for mine, its in zip(ours, theirs, strict=False):
        assert torch.equal(mine.weight, its.weight)
    assert torch.equal(slim.layers[1].project.weight, wide.layers[1].project.weight[:16])


def test_labels_tell_what_numbers_do_not():
    decisions = {d.name: d for d in fbnetv2_f_split_small().decisions}
    assert decisions["row2.expansion_percent"].labels == ("0.75", "2.25", "4.5")
    assert decisions["row2.splits"].labels[:3] == ("no attention", "squeeze-excite", "2 splits")
    assert decisions["row2.kernel"].labels[0] == "no block"
    assert fbnetv2_f_fine_small().decisions[-1].name == "layer9.splits"


def test_a_row_s_decisions_become_one_choice_after_the_switch():
    space = fbnetv2_f_small()
    assert space.groups[1] == (5, 6, 7, 8, 9)
    assert {len(group) for group in space.groups} == {5}
    supernet = space.build_supernet()
    joint = supernet.distribution.joint
    assert [len(logits) for logits in joint.values()] == [
        math.prod(space.cardinalities[list(group)]) for group in space.groups]
    vectors = space.sample(np.random.default_rng(0), 7)
    for switched in (False, True):
        supernet.zero_grad()
        supernet.distribution.log_probability(vectors, joint=switched).sum().backward()
        assert all((logits.grad is not None) == switched for logits in joint.values())
    before = {name: value for name, value in supernet.state_dict().items() if ".joint." not in name}
    again = space.build_supernet()
    again.load_state_dict(before)  # trained before rows were groups
    assert all(not logits.any() for logits in again.distribution.joint.values())


def test_the_likeliest_rows_that_keep_a_limit():
    space = ElasticChainSpace("odd", ODD, ODD.middle(kernel=3, expansion=1.0, act="relu", splits=0))
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=math.prod(space.cardinalities[list(g)])) for g in space.groups]
    limit = quantity("flops", space, None)
    uses, most = limit.parts[0], 0.6 * limit.reference
    found = Programme(space, space.groups).solve(
        Score(groups=list(zip(space.groups, scores, strict=True))), [(uses, most)])
    every = np.indices(tuple(space.cardinalities)).reshape(len(space.decisions), -1).T
    total = np.zeros(len(every))
    for group, each in zip(map(list, space.groups), scores, strict=True):
        total += each[np.ravel_multi_index(every[:, group].T, space.cardinalities[group])]
    kept = gathered(space, uses, every) <= most
    assert 0 < kept.sum() < len(every) and total[kept].max() < total.max()
    assert found.score == pytest.approx(total[kept].max())


def test_a_switch_to_joint_choices_needs_some():
    space = bn_nas_small()
    with pytest.raises(UserError, match=r"joint_from = 0.4: space 'bn-nas-small' has no decisions"):
        check_rule(space, tiny_image_settings(parsec={"per_nat": 0.1, "joint_from": 0.4}), Path())
