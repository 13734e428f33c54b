"""What spaces of image classifiers have in common: batches, and export with random weights."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Self

from luts.errors import UserError
from luts.operator import PlacedOperator
from luts.space import Architecture
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

    def placed(self, architecture: Architecture | None) -> list[PlacedOperator]:
        """Operators of an architecture, or of the reference (None)."""
        return self.lower_reference() if architecture is None else self.lower(architecture)
