from math import prod

import numpy as np
import pytest

from luts._costs import cost_of
from luts.errors import UserError
from luts.operator import Operator


def test_linear_counts_a_multiply_add_as_two():
    op = Operator.make("linear", (4, 7, 8), out=16)
    cost = cost_of(op)
    assert cost.output == (4, 7, 16)
    assert cost.flops == 28 * 16 * (2 * 8 + 1)
    assert cost.parameters == 8 * 16 + 16
    assert op.bytes_moved == 4 * (28 * 8 + 28 * 16 + 8 * 16 + 16)


@pytest.mark.parametrize(
    ("left", "right"),
    [((5, 7), (7, 3)), ((2, 3, 5, 7), (3, 7, 6)), ((1, 5, 7), (4, 7, 6)), ((5, 7), (9, 7, 6))],
)
def test_matmul_broadcasts_as_numpy_does(left, right):
    out = np.matmul(np.zeros(left), np.zeros(right)).shape
    cost = cost_of(Operator.make("matmul", left, right))
    assert cost.output == out
    assert cost.flops == 2 * prod(out) * left[-1]


def test_matmul_of_shapes_that_do_not_fit_is_refused():
    with pytest.raises(UserError, match="do not fit"):
        cost_of(Operator.make("matmul", (5, 7), (8, 3)))


def test_a_concat_says_how_many_channels_it_has():
    parts = (1, 2, 4, 4), (1, 3, 4, 4)
    joined = cost_of(Operator.make("concat", *parts, out=5))
    assert joined.output == (1, 5, 4, 4) and joined.values_moved == 2 * 5 * 16
    # As FlowNAS's tables have it.
    plain = cost_of(Operator.make("concat", *parts))
    assert plain.output == parts[0] and plain.values_moved == 5 * 16 + 2 * 16


@pytest.mark.parametrize(
    ("op", "output"),
    [
        (Operator.make("elementwise", (2, 3), (2, 3), fn="add"), (2, 3)),
        (Operator.make("elementwise", (3,), (2, 3), fn="mul"), (2, 3)),
        (Operator.make("softmax", (2, 9)), (2, 9)),
        (Operator.make("layer_norm", (2, 9)), (2, 9)),
        (Operator.make("batch_norm", (1, 5, 4, 4)), (1, 5, 4, 4)),
        (Operator.make("max_pool", (1, 5, 9, 9), kernel=3, stride=2, padding=1), (1, 5, 5, 5)),
        (Operator.make("global_avg_pool", (2, 5, 4, 4)), (2, 5, 1, 1)),
        (Operator.make("reduce", (2, 5, 4), axes=2), (2,)),
        (Operator.make("copy", (2, 5, 4), shape=(2, 4, 5)), (2, 4, 5)),
        (Operator.make("resize", (1, 3, 4, 4), shape=(8, 8)), (1, 3, 8, 8)),
        (Operator.make("conv_transpose", (1, 6, 4, 5), out=3, kernel=(2, 2), stride=2),
         (1, 3, 8, 10)),
        (Operator.make("conv", (1, 3, 9, 9), out=4, kernel=(3, 3), padding=0), (1, 4, 7, 7)),
        (Operator.make("conv", (1, 3, 9, 9), out=4, kernel=(3, 3), dilation=2, padding=2),
         (1, 4, 9, 9)),
        (Operator.make("conv", (1, 3, 8, 9), out=4, kernel=(1, 3), stride=(2, 1)), (1, 4, 4, 9)),
    ],
)  # fmt: skip
def test_output_shapes_and_traffic(op, output):
    cost = cost_of(op)
    assert cost.output == output
    assert cost.values_moved >= prod(output)
    assert Operator.parse(op.key) == op


def test_only_copies_do_no_arithmetic():
    assert cost_of(Operator.make("copy", (2, 3))).flops == 0
    assert cost_of(Operator.make("resize", (1, 3, 4, 4), shape=(8, 8), mode="nearest")).flops == 0
