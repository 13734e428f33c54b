"""Chains whose rows choose width, kernel, expansion, activation and splits: sizes, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from luts.space import Choice, Decision
from supernet.spaces._chain import IDENTITY, Block, ChainFrame, Layer

GENES = ("width", "kernel", "expansion_percent", "act", "splits")
_SPLITS = {0: "no attention", 1: "squeeze-excite"}
_ACTS = {"relu": "ReLU", "relu6": "ReLU6", "silu": "swish"}


@dataclass(frozen=True, slots=True)
class Row:
    """Layers that are chosen together.

    Attributes:
        widths: channels that may go out of each, ascending.
        count: layers.
        stride: of the first one.
        expansions: what the expansion may be.
    """

    widths: tuple[int, ...]
    count: int
    stride: int
    expansions: tuple[float, ...]

    @property
    def strides(self) -> tuple[int, ...]:
        """Of each layer."""
        return (self.stride, *[1] * (self.count - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticConfig(ChainFrame):
    """Rows of a chain and what they choose from; see `ChainFrame`.

    Attributes:
        rows: in order.
        kernels: what a kernel may be, ascending; 0 is no block.
        acts: activations of blocks.
        splits: see `Block`, ascending.
        place: what a row is called.
    """

    rows: tuple[Row, ...]
    kernels: tuple[int, ...] = (0, 3, 5)
    acts: tuple[str, ...] = ("relu", "silu")
    splits: tuple[int, ...] = (0, 1)
    place: str = "row"

    def fine(self) -> Self:
        """The same layers, each of which chooses for itself."""
        rows = [replace(row, count=1, stride=stride) for row in self.rows for stride in row.strides]
        return replace(self, rows=tuple(rows), place="layer")

    def named(self, index: int) -> str:
        """Name of a row; they count from 1, as in the paper's table."""
        return f"{self.place}{index + 1}"

    @property
    def strides(self) -> tuple[int, ...]:
        """Of all layers."""
        return tuple(stride for row in self.rows for stride in row.strides)

    def first_layer(self, row: int) -> int:
        """Index of a row's first layer."""
        return sum(each.count for each in self.rows[:row])

    def decisions(self) -> tuple[Decision, ...]:
        """Width, kernel, expansion, activation and splits of each row."""
        found = []
        for index, row in enumerate(self.rows):
            percents = tuple(round(100 * expansion) for expansion in row.expansions)
            choices: dict[str, tuple[tuple[Choice, ...], tuple[str, ...]]] = {
                "width": (row.widths, ()),
                "kernel": (self.kernels, tuple(
                    f"{k}×{k}" if k else "no block" for k in self.kernels)),
                "expansion_percent": (percents, tuple(f"{e:g}" for e in row.expansions)),
                "act": (tuple(range(len(self.acts))), tuple(_ACTS[act] for act in self.acts)),
                "splits": (self.splits, tuple(
                    _SPLITS.get(r, f"{r} splits") for r in self.splits)),
            }
            found += [Decision(f"{self.named(index)}.{gene}", *choices[gene]) for gene in GENES]
        return tuple(found)

    def block(self, genes: Mapping[str, Choice]) -> Block:
        """The block of a row's genes; the width is not of it."""
        if genes["kernel"] == 0:
            return IDENTITY
        return Block(genes["kernel"], genes["expansion_percent"] / 100, self.acts[genes["act"]],
                     genes["splits"])

    def middle(
        self, *, kernel: int, expansion: float, act: str, splits: int
    ) -> dict[str, Choice]:
        """The same block everywhere at the widths in the middle; the nearest expansion there is."""
        values: dict[str, Choice] = {}
        for index, row in enumerate(self.rows):
            nearest = min(row.expansions, key=lambda each: abs(each - expansion))
            own = (row.widths[len(row.widths) // 2], kernel, round(100 * nearest),
                   self.acts.index(act), splits)
            values |= {f"{self.named(index)}.{gene}": value
                       for gene, value in zip(GENES, own, strict=True)}
        return values


@dataclass(frozen=True, slots=True)
class Chosen:
    """A row as chosen.

    Attributes:
        inputs: channels that come in.
        outputs: channels that go out.
        block: of all its layers.
    """

    inputs: int
    outputs: int
    block: Block

    def layers(self, row: Row) -> list[Layer]:
        """The places."""
        return [Layer(self.inputs if index == 0 else self.outputs, self.outputs, stride)
                for index, stride in enumerate(row.strides)]
