"""Evaluates boosted trees without loading the library that grew them.

Reading a model costs milliseconds this way and the library's import most of a second, which is
longer than the answer that a budget is out of reach may take.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from luts.errors import CorruptFileError
from predictor.extremes import Floats

_DEEPEST = 6
# Inner nodes times cases.
_FEW = 2**18


@dataclass(frozen=True)
class TreeEnsemble:
    """A sum of trees, each filled up to the same depth d and stored as a heap.

    Attributes:
        source: the model in XGBoost's JSON format, as its library reads it.
        features: feature that each inner node looks at, shape ``(2**d - 1, trees)``.
        thresholds: smaller values go left, shape ``(2**d - 1, trees)``.
        leaves: what each leaf adds, shape ``(2**d, trees)``.
    """

    source: bytes
    features: npt.NDArray[np.int64]
    thresholds: npt.NDArray[np.float32]
    leaves: npt.NDArray[np.float32]

    @classmethod
    def parse(cls, source: bytes, feature_count: int) -> TreeEnsemble:
        """Reads XGBoost's JSON format: numerical splits, base score 0.

        Args:
            source: the file's content.
            feature_count: number of features that vectors have.

        Raises:
            CorruptFileError: it is something else.
        """
        try:
            learner = json.loads(source)["learner"]
            base = float(learner["learner_model_param"]["base_score"].strip("[]"))
            trees = [_Tree(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
            depth = max((tree.depth(0) for tree in trees), default=0)
            if base != 0.0 or not trees:
                raise ValueError(f"{len(trees)} trees with base score {base}")
            heaps = [tree.heap(depth) for tree in trees]
            features, thresholds, leaves = (np.array(part).T for part in zip(*heaps, strict=True))
            if depth and not 0 <= features.min() <= features.max() < feature_count:
                raise ValueError(f"a split on a feature outside 0..{feature_count - 1}")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise CorruptFileError(f"boosted trees cannot be read ({error!r})") from None
        return cls(
            source,
            features.astype(np.int64),
            thresholds.astype(np.float32),
            leaves.astype(np.float32),
        )

    def __call__(self, values: Floats) -> Floats:
        """Sums of the trees, shape ``(count,)``.

        Args:
            values: shape ``(count, features)``; compared in single precision, as in training.
        """
        columns = np.ascontiguousarray(values.T, dtype=np.float32)
        if self.features.size * len(values) <= _FEW:
            return self._side_by_side(columns)
        total = np.zeros(len(values))
        for features, thresholds, leaves in zip(
            self.features.T, self.thresholds.T, self.leaves.T, strict=True
        ):
            total += leaves[_fall(columns, features, thresholds)]
        return total

    def _side_by_side(self, columns: npt.NDArray[np.float32]) -> Floats:
        """The same for few cases: all trees at once, since each step costs more than its cases."""
        trees = np.arange(self.leaves.shape[1])[:, None]
        goes_right = ~(columns[self.features] < self.thresholds[..., None])
        leaf = np.zeros((len(trees), columns.shape[1]), dtype=np.int64)
        first = 0
        while first < len(self.features):
            right = np.take_along_axis(goes_right, first + leaf[None], axis=0)[0]
            leaf, first = 2 * leaf + right, 2 * first + 1
        return np.asarray(self.leaves[leaf, trees].sum(axis=0, dtype=np.float64))


def _fall(
    columns: npt.NDArray[np.float32],
    features: npt.NDArray[np.int64],
    thresholds: npt.NDArray[np.float32],
) -> npt.NDArray[np.uint8]:
    """Leaf of one tree that each case falls into, as its number, shape ``(count,)``.

    The levels are merged from the bottom up. Numbers are bytes: whole arrays of them pass through
    the processor several times as fast as the leaves' values would.
    """
    count = columns.shape[1]
    found = [np.zeros(count, np.uint8)] * (len(features) + 1)
    size = 1
    while len(found) > 1:
        first = len(found) // 2 - 1
        merged = []
        for k, (left, right) in enumerate(zip(found[::2], found[1::2], strict=True)):
            goes_left = columns[features[first + k]] < thresholds[first + k]
            merged.append(np.where(goes_left, left, right + np.uint8(size)))
        found, size = merged, 2 * size
    return found[0]


class _Tree:
    """One tree as the JSON has it: parallel lists over nodes."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.left: list[int] = tree["left_children"]
        self.right: list[int] = tree["right_children"]
        self.feature: list[int] = tree["split_indices"]
        self.threshold: list[float] = tree["split_conditions"]
        if any(tree["split_type"]):
            raise ValueError("categorical splits")

    def depth(self, node: int, level: int = 0) -> int:
        """Levels below a node; a file whose nodes form a ring is refused."""
        if level > _DEEPEST:
            raise ValueError(f"a tree deeper than {_DEEPEST}")
        if self.left[node] < 0:
            return 0
        children = (self.left[node], self.right[node])
        return 1 + max(self.depth(child, level + 1) for child in children)

    def heap(self, depth: int) -> tuple[list[int], list[float], list[float]]:
        """Features and thresholds of the inner nodes, and leaves, of the tree filled to a depth."""
        nodes, features, thresholds = [0], [], []
        for _ in range(depth):
            below = []
            for node in nodes:
                leaf = self.left[node] < 0
                features.append(0 if leaf else self.feature[node])
                thresholds.append(0.0 if leaf else self.threshold[node])
                below += [node, node] if leaf else [self.left[node], self.right[node]]
            nodes = below
        return features, thresholds, [self.threshold[node] for node in nodes]
