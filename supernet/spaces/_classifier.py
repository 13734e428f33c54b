"""What spaces of image classifiers have in common: batches, and export with random weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Self, cast

from luts.errors import UserError
from luts.operator import Operator, PlacedOperator
from luts.space import Architecture, Choice, Factor
from supernet.space import SearchSpace


class ClassifierSpace(SearchSpace):
    """Networks from images (B, 3, H, W) in 0..255 to logits (B, classes).

    Attributes:
        classes: what the networks tell apart.
    """

    classes: int

    def at_batch(self, batch: int) -> Self:
        """See `luts.space.OperatorSpace`."""
        if batch < 1:
            raise UserError(f"batch must be at least 1, got {batch}")
        space = copy.copy(self)
        space.batch = batch
        return space

    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        """See `luts.space.OperatorSpace`."""
        import torch

        from supernet.export import export_classifier

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = self.build_reference() if architecture is None else self.build(architecture)
        images = torch.zeros(self.batch, 3, self.input_height, self.input_width)
        export_classifier(network, images, path, self.placed(architecture))

    def folded_parameters(self, factor: Factor | None, choices: Sequence[Choice] = ()) -> int:
        """See `luts.space.Folding`."""
        return self.folded_into(
            self.lower_reference() if factor is None else self.lower_factor(factor, choices))

    def folded_into(self, placed: Sequence[PlacedOperator]) -> int:
        """See `luts.space.FoldingOperators`: a scale and a shift of every channel of a norm."""
        return sum(2 * cast(int, step.operator.get("out")) for step in placed
                   if step.operator.kind == "conv" and self.has_norm(step.operator))

    def has_norm(self, conv: Operator) -> bool:
        """Whether the norm behind a convolution was folded into it."""
        return conv.get("bias", 1) == 0

    def placed(self, architecture: Architecture | None) -> list[PlacedOperator]:
        """Operators of an architecture, or of the reference (None)."""
        return self.lower_reference() if architecture is None else self.lower(architecture)
