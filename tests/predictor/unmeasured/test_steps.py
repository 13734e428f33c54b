from __future__ import annotations

import pytest

from luts.errors import UserError
from luts.operator import Operator
from luts.spaces import load_space
from predictor.unmeasured.kernels import CLASSES, kernels, unknown_kernel
from predictor.unmeasured.steps import Steps


def classes(operator: Operator) -> list[str]:
    return [CLASSES[int(row[0])] for row in kernels(operator)]


@pytest.mark.parametrize(("channels", "groups", "kernel", "name"), [
    (3, 1, 7, "stem"), (32, 1, 3, "dense"), (32, 1, 1, "pointwise"), (32, 32, 3, "depthwise"),
    (32, 4, 3, "grouped"),
])  # fmt: skip
def test_convolutions_are_told_apart(channels: int, groups: int, kernel: int, name: str) -> None:
    conv = Operator.make("conv", (1, channels, 8, 8), out=32, kernel=(kernel, kernel),
                         groups=groups)
    assert classes(conv) == [name]


def test_what_is_fused_into_an_operator_is_a_kernel_of_its_own_in_pytorch() -> None:
    conv = Operator.make("conv", (1, 8, 8, 8), out=8, kernel=(3, 3), act="relu", residual=1)
    assert classes(conv) == ["dense", "binary", "unary"]
    behind = Operator.make("conv", (1, 8, 8, 8), out=8, kernel=(3, 3), pre="relu", act="none")
    assert classes(behind) == ["dense", "unary"]
    norm = Operator.make("instance_norm", (1, 8, 8, 8), act="relu")
    assert classes(norm) == ["group_norm", "unary"]


def test_views_are_free_and_unknown_kinds_are_not() -> None:
    assert kernels(Operator.make("view", (64,))) == []
    odd = Operator.make("lstm", (1, 8, 64), to=(1, 8, 32))
    with pytest.raises(UserError, match="no rule says what operator kind 'lstm' costs"):
        kernels(odd)
    assert unknown_kernel(odd)[2] == 8 * 64 + 8 * 32


@pytest.mark.parametrize("recipe", ["flownas", "flownas-small"])
def test_every_operator_of_the_spaces_has_kernels(recipe: str) -> None:
    space = load_space(recipe)
    largest = space.decode(space.cardinalities - 1)
    for placed in (*space.lower(largest), *space.lower_reference()):
        assert kernels(placed.operator)


def test_arithmetic_of_a_fused_operator_is_kept() -> None:
    """Within the few operations per value that are counted otherwise."""
    for kind, inputs, attributes in (
        ("conv_gru", [(1, 64, 12, 16), (1, 82, 12, 16)], {"kernel": (3, 3)}),
        ("correlation", [(1, 128, 12, 16)], {"levels": 4}),
        ("context", [(1, 64, 12, 16)], {"hidden": 96, "taps": (9,)}),
    ):
        operator = Operator.make(kind, *inputs, **attributes)  # type: ignore[arg-type]
        assert sum(row[1] for row in kernels(operator)) == pytest.approx(operator.flops, rel=0.05)


def test_a_batch_repeats_values_but_not_weights() -> None:
    linear = Operator.make("linear", (4, 16), out=8)
    four = Steps.of([(linear, 3)]).at_batch(4)
    sixteen = Steps.of([(Operator.make("linear", (16, 16), out=8), 3)])
    assert four.values.tolist() == sixteen.values.tolist()
