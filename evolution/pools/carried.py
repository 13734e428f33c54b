"""Weights that travel to machines which do not have their folder."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evolution.pools.base import LOCAL, Maker, PoolOptions

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource


@dataclass(frozen=True)
class Carried:
    """Makes the accuracy source of a recipe from a training's weights, wherever it is called.

    Attributes:
        recipe: its name.
        files: relative path to content of the training's weights.
    """

    recipe: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, recipe: str, weights: Path) -> Carried:
        """Takes the weights of a training folder along."""
        from supernet.training.run import CHECKPOINT

        return cls(recipe, {path.relative_to(weights).as_posix(): path.read_bytes()
                            for path in sorted(weights.glob(f"*/{CHECKPOINT}"))})

    def __call__(self) -> AccuracySource:
        """The source; it has read its weights when this returns."""
        from supernet.accuracy import load_accuracy

        with tempfile.TemporaryDirectory(prefix="metronas-weights-") as name:
            for place, content in self.files.items():
                path = Path(name) / place
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            return load_accuracy(self.recipe, Path(name))


def maker(recipe: str, weights: Path | None, options: PoolOptions) -> Maker:
    """What makes a search's accuracy source in another process.

    Args:
        recipe: its name.
        weights: folder of a training (None: the weights of the package).
        options: where those processes are.
    """
    from supernet.accuracy import load_accuracy

    if weights is not None and options.address not in (None, LOCAL):
        return Carried.of(recipe, weights)
    return partial(load_accuracy, recipe, weights and weights.absolute())
