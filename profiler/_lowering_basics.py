"""What all rules of lowering share."""

from __future__ import annotations

import re
from math import prod
from typing import Any

from luts.operator import AttributeValue
from profiler._canonical import Shape
from profiler.executed import ExecutedNode

Attributes = dict[str, AttributeValue]
# So few are settings, such as sizes and limits.
_FEW_WEIGHTS = 64
# Names under which other parts of the package know these kinds.
_NAMES = {"LayerNormalization": "layer_norm", "InstanceNormalization": "instance_norm",
          "GroupNormalization": "group_norm", "BatchNormalization": "batch_norm",
          "SkipLayerNormalization": "skip_layer_norm"}

Lowered = tuple[str, tuple[Shape, ...], Attributes]


def kind_name(kind: str) -> str:
    """An ONNX operator type as a kind: ``ReduceMean`` is ``reduce_mean``."""
    return _NAMES.get(kind) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()


def result_of(node: ExecutedNode) -> Shape:
    """Shape of the (first) result, ``()`` where there is none."""
    return node.outputs[0] if node.outputs else ()


def word(value: Any) -> str:
    """An ONNX attribute as a word of an operator's key."""
    text = value.decode() if isinstance(value, bytes) else str(value)
    return re.sub(r"\W", "", text).lower()


def pair(node: ExecutedNode, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """An ONNX attribute with one integer per axis."""
    return tuple(int(v) for v in node.attributes.get(name, default))


def one(numbers: tuple[int, ...]) -> AttributeValue:
    """One number where all axes have the same, else all."""
    return numbers[0] if len(set(numbers)) == 1 else numbers


def other(node: ExecutedNode) -> Lowered:
    """A kind without a rule: shapes of its activations and result, and how many weights it has."""
    read = tuple(shape for shape, weight in zip(node.inputs, node.constant, strict=True)
                 if shape and not weight)
    result = result_of(node)
    attributes: Attributes = {"to": result} if result and result != (read or ((),))[0] else {}
    weights = sum(prod(shape) for shape, weight in zip(node.inputs, node.constant, strict=True)
                  if shape and weight)
    if weights > _FEW_WEIGHTS:
        attributes["weights"] = weights
    return kind_name(node.kind), read, attributes
