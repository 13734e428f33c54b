"""The Operator: what a runtime executes as one step, after fusion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from luts.errors import UserError

AttributeValue = int | str | tuple[int, ...]
DTYPE_BYTES = {"fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "int8": 1}

_FORM = re.compile(
    r"(?P<kind>[a-z0-9_.]+)\((?P<inputs>[0-9x,]*)\)\[(?P<attrs>[^\]]*)\]:(?P<dtype>\w+)"
)


@dataclass(frozen=True, slots=True, order=True)
class Operator:
    """One fused step of a network; immutable, hashable, ordered by its fields.

    Attributes:
        kind: what it computes, such as ``conv`` or ``instance_norm``.
        inputs: shapes of the activations that it reads, each ``(N, C, H, W)`` or shorter;
            weights are not inputs.
        attributes: name and value pairs, sorted by name (use `make`).
        dtype: arithmetic precision, a key of ``DTYPE_BYTES``.
    """

    kind: str
    inputs: tuple[tuple[int, ...], ...]
    attributes: tuple[tuple[str, AttributeValue], ...] = ()
    dtype: str = "fp32"

    @classmethod
    def make(
        cls,
        kind: str,
        *inputs: tuple[int, ...],
        dtype: str = "fp32",
        **attributes: AttributeValue,
    ) -> Self:
        """Builds an operator with its attributes in canonical order.

        Args:
            kind: what it computes.
            *inputs: activation shapes.
            dtype: precision name.
            **attributes: integers, words or tuples of integers.

        Raises:
            UserError: the precision is unknown.
        """
        if dtype not in DTYPE_BYTES:
            raise UserError(f"unknown dtype '{dtype}'; known: {', '.join(DTYPE_BYTES)}")
        return cls(kind, tuple(inputs), tuple(sorted(attributes.items())), dtype)

    @property
    def key(self) -> str:
        """Canonical text, such as ``conv(1x24x96x128)[kernel=3x3,out=24]:fp32``."""
        return _key(self)

    @classmethod
    def parse(cls, key: str) -> Self:
        """Reads a canonical key back; ``Operator.parse(op.key) == op``.

        Raises:
            UserError: the text is not a canonical key.
        """
        match = _FORM.fullmatch(key)
        if match is None:
            raise UserError(f"'{key}' is not an operator key such as conv(1x3x8x8)[out=8]:fp32")
        inputs = tuple(
            tuple(int(size) for size in shape.split("x"))
            for shape in match["inputs"].split(",")
            if shape
        )
        attributes = {}
        for item in filter(None, match["attrs"].split(",")):
            name, _, value = item.partition("=")
            attributes[name] = _parse(value)
        return cls.make(match["kind"], *inputs, dtype=match["dtype"], **attributes)

    def get(self, name: str, default: AttributeValue | None = None) -> AttributeValue:
        """Value of one attribute.

        Raises:
            UserError: the attribute is absent and no default was given.
        """
        for key, value in self.attributes:
            if key == name:
                return value
        if default is None:
            raise UserError(f"operator {self.key} has no attribute '{name}'")
        return default

    @property
    def attribute_map(self) -> Mapping[str, AttributeValue]:
        """The attributes as a mapping."""
        return dict(self.attributes)

    @property
    def flops(self) -> int:
        """Floating-point operations (a multiply-add counts as 2)."""
        from luts._costs import cost_of

        return cost_of(self).flops

    @property
    def bytes_moved(self) -> int:
        """Bytes that must move at least once: activations read and written, and weights."""
        from luts._costs import cost_of

        return cost_of(self).values_moved * DTYPE_BYTES[self.dtype]


# Networks hold the same few hundred operators tens of thousands of times.
@lru_cache(maxsize=2**14)
def _key(op: Operator) -> str:
    inputs = ",".join("x".join(map(str, shape)) for shape in op.inputs)
    attrs = ",".join(f"{name}={_format(value)}" for name, value in op.attributes)
    return f"{op.kind}({inputs})[{attrs}]:{op.dtype}"


def _format(value: AttributeValue) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value)) + ("x" if len(value) == 1 else "")
    return str(value)


def _parse(text: str) -> AttributeValue:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"\d+(x\d+)+|\d+x", text):
        return tuple(int(part) for part in text.split("x") if part)
    return text


@dataclass(frozen=True, slots=True)
class PlacedOperator:
    """An operator at its place in a network.

    Attributes:
        path: dotted module path, such as ``fnet.cells.0.blocks.0.project``. Node names of the
            exported model begin with it (dots kept, followed by ``/``), so that a runtime's
            per-node times can be attributed.
        operator: what is executed there.
        repeats: how often one inference executes it there (loop iterations).
    """

    path: str
    operator: Operator
    repeats: int = 1
