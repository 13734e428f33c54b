"""A small space that exports chains of convolutions, and tables made of known truths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from luts.operator import Operator, PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor, OperatorSpace

SIZE = 32
LOOPS = 3


class FakeSpace(OperatorSpace):
    """Stem, `cells` residual cells (width, kernel, depth), and a convolution that runs in a loop.

    Widths are shared by neighbours, so a cell's factor sees two decisions of its own and the
    width before it, as in the real spaces.
    """

    def __init__(self, cells: int = 2, name: str = "fake") -> None:
        self.name = name
        self.cells = cells
        decisions: list[Decision] = []
        for i in range(cells):
            decisions += [
                Decision(f"cell{i}.width", (8, 16)),
                Decision(f"cell{i}.kernel", (1, 3)),
                Decision(f"cell{i}.depth", (1, 2)),
            ]
        self.decisions = tuple(decisions)
        factors = [Factor("stem", ())]
        for i in range(cells):
            before = () if i == 0 else (3 * (i - 1),)
            factors.append(Factor(f"cell{i}", (*before, 3 * i, 3 * i + 1, 3 * i + 2)))
        factors.append(Factor("loop", (3 * (cells - 1),)))
        self.factors = tuple(factors)

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        if factor.name == "stem":
            return [PlacedOperator("stem", _conv(3, 8, 3))]
        if factor.name == "loop":
            return [PlacedOperator("loop.conv", _conv(choices[0], choices[0], 3), LOOPS)]
        first = factor.name == "cell0"
        before = 8 if first else choices[0]
        width, kernel, depth = choices if first else choices[1:]
        placed = []
        for block in range(depth):
            placed.append(
                PlacedOperator(f"{factor.name}.{block}", _conv(before, width, kernel))
            )
            before = width
        return placed

    def lower_reference(self) -> list[PlacedOperator]:
        return [
            PlacedOperator("stem", _conv(3, 8, 3)),
            PlacedOperator("body", _conv(8, 24, 3)),
            PlacedOperator("loop.conv", _conv(24, 24, 3), LOOPS),
        ]

    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        placed = self.lower_reference() if architecture is None else self.lower(architecture)
        write_chain(placed, path)


def _conv(before: int, out: int, kernel: int) -> Operator:
    return Operator.make("conv", (1, before, SIZE, SIZE), out=out, kernel=(kernel, kernel))


def write_chain(placed: Sequence[PlacedOperator], path: Path) -> None:
    """Writes Conv + Relu nodes one after another; loops are unrolled with shared weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "frame"
    for item in placed:
        out = item.operator.get("out")
        kernel = item.operator.get("kernel")
        before = item.operator.inputs[0][1]
        assert isinstance(out, int)
        assert isinstance(kernel, tuple)
        values = rng.normal(0, 0.1, (out, before, *kernel)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"{item.path}.weight"))
        for turn in range(item.repeats):
            name, after = f"{item.path}/Conv_{turn}", f"{item.path}_{turn}"
            pad = kernel[0] // 2
            nodes.append(helper.make_node("Conv", [last, f"{item.path}.weight"], [after + "_c"],
                                          name=name, pads=[pad] * 4))
            nodes.append(helper.make_node("Relu", [after + "_c"], [after],
                                          name=f"{item.path}/Relu_{turn}"))
            last = after
    shape = placed[0].operator.inputs[0]
    frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "chain", [frame], [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def write_nodes(
    nodes: Sequence[Any], weights: Sequence[Any], path: Path, shape: Sequence[int | str]
) -> None:
    """Writes nodes from the input ``x`` of a shape to the result ``y``."""
    import onnx
    from onnx import TensorProto, helper

    frame = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [frame], [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
