"""Half precision: an ONNX graph whose heavy nodes compute in fp16 or bf16."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from luts.errors import UserError
from luts.files import atomic_path

# Element types of ONNX.
_FLOAT, _TYPES = 1, {"fp16": 10, "bf16": 16}
_HALVED = frozenset({
    "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "GlobalAveragePool",
    "HardSigmoid", "HardSwish", "InstanceNormalization", "MaxPool", "Mul", "Pad", "ReduceMean",
    "Relu", "Reshape", "Sigmoid", "Slice", "Split", "Sub", "Tanh", "Transpose",
})


def halve(
    source: Path, path: Path, precision: str, keep: Callable[[str], bool], *,
    simulate: bool = False,
) -> int:
    """Writes a model whose nodes compute in half precision, except those that are kept.

    Casts stand only where precision changes, so that what is kept stays in fp32 from node to node;
    inputs and outputs of the model stay fp32, too.

    Args:
        source: fp32 model without loops.
        path: target file.
        precision: ``fp16`` or ``bf16``.
        keep: whether the node of a name stays fp32.
        simulate: values are rounded to the precision and computed with in fp32, for runtimes that
            lack its kernels.

    Returns:
        Nodes that were changed.

    Raises:
        UserError: the graph has loops or branches.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    changed = _Halving(model.graph, _TYPES[precision], simulate=simulate).run(keep)
    del model.graph.value_info[:]
    with atomic_path(path) as temporary:
        onnx.save(model, str(temporary))
        onnx.checker.check_model(str(temporary))
    return changed


class _Halving:
    def __init__(self, graph: Any, kind: int, *, simulate: bool) -> None:
        self.graph, self.kind, self.simulate = graph, kind, simulate
        known = [*graph.value_info, *graph.input, *graph.output]
        self.floats = {v.name for v in known if v.type.tensor_type.elem_type == _FLOAT}
        self.weights = {w.name: w for w in graph.initializer if w.data_type == _FLOAT}
        self.half: set[str] = set()  # tensors that are in half precision under their own name
        self.rounded: set[str] = set()  # and those that were rounded where they came about
        self.cast: dict[tuple[str, bool], str] = {}
        self.nodes: list[Any] = []

    def run(self, keep: Callable[[str], bool]) -> int:
        changed, outputs = 0, {value.name for value in self.graph.output}
        for node in list(self.graph.node):
            if any(attribute.HasField("g") for attribute in node.attribute):
                raise UserError(f"precisions cannot be changed inside the {node.op_type} "
                                f"'{node.name}'; export it written out")
            if node.op_type == "Constant":
                self._constant(node)
                continue
            float_result = any(name in self.floats for name in node.output)
            low = (node.op_type in _HALVED and float_result and not keep(node.name)
                   and not outputs & set(node.output))
            for place, name in enumerate(node.input):
                if low and (name in self.floats or name in self.weights):
                    node.input[place] = self._as(name, low=True)
                elif name in self.half:
                    node.input[place] = self._as(name, low=False)
            self.nodes.append(node)
            if low:
                changed += 1
                self._results(node)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        left = [weight for weight in self.graph.initializer if weight.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(left)
        return changed

    def _constant(self, node: Any) -> None:
        tensor = next((a.t for a in node.attribute if a.name == "value"), None)
        if tensor is not None and tensor.data_type == _FLOAT:
            self.weights[node.output[0]] = tensor
        self.nodes.append(node)

    def _results(self, node: Any) -> None:
        if not self.simulate:
            self.half |= set(node.output)
            return
        for place, name in enumerate(node.output):
            if name:
                exact = f"{name}:exact"
                node.output[place] = exact
                self._round(exact, name)
                self.rounded.add(name)

    def _as(self, name: str, *, low: bool) -> str:
        """Name of a tensor in the wanted precision; made where it is first needed."""
        if low == (name in self.half) or (low and name in self.rounded):
            return name
        made = self.cast.get((name, low))
        if made is None:
            made = self.cast[name, low] = f"{name}:{'half' if low else 'fp32'}"
            if low and name in self.weights:
                self._weight(self.weights[name], made)
            elif low and self.simulate:
                self._round(name, made)
            else:
                self._cast(name, made, self.kind if low else _FLOAT)
        return made

    def _weight(self, tensor: Any, name: str) -> None:
        from onnx import helper, numpy_helper

        values = numpy_helper.to_array(tensor).astype(np.float32)
        if self.kind == _TYPES["bf16"]:
            raw, rounded = _bf16(values)
        else:
            half = values.astype(np.float16)
            raw, rounded = half.tobytes(), half.astype(np.float32)
        if self.simulate:
            self.graph.initializer.append(numpy_helper.from_array(rounded, name))
        else:
            self.graph.initializer.append(
                helper.make_tensor(name, self.kind, values.shape, raw, raw=True))

    def _cast(self, name: str, made: str, kind: int) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node("Cast", [name], [made], f"{made}:cast", to=kind))

    def _round(self, name: str, made: str) -> None:
        from onnx import helper

        between = f"{made}:between"
        self._cast(name, between, self.kind)
        self.nodes.append(
            helper.make_node("Cast", [between], [made], f"{made}:rounded", to=_FLOAT))


def _bf16(values: Any) -> tuple[bytes, Any]:
    """Bits of values rounded to the nearest even bf16, and the same values as fp32."""
    bits = values.reshape(-1).view(np.uint32)
    upper = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return upper.tobytes(), (upper.astype(np.uint32) << 16).view(np.float32).reshape(values.shape)
