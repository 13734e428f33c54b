"""What handing over a classifier takes: the images that it was scored on, and its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from luts.errors import UserError
from supernet.data.images.sets import ImageSet
from supernet.export import INPUT_IMAGE, OUTPUT_LOGITS, export_classifier
from supernet.hand_over import Array, Form, HandOver, Inputs
from supernet.space import SearchSpace
from supernet.tasks.labels import label_metrics
from supernet.tasks.scored_images import DIGEST, noted_source
from supernet.training.image_stage import outputs_of

CALIBRATION = 64
"""Images that quantisation learns ranges from; 8 do as well (docs/decisions/int8.md)."""


class ClassificationHandOver(HandOver):
    """See `HandOver`; the images are those that a search scores on.

    Args:
        space: of classifiers.
        note: of `supernet.tasks.scored_images.note_of`.
        data: where the images lie now (None: where they were).

    Raises:
        UserError: there is no note, or the images are not there, or are others.
        CorruptFileError: the note is damaged, or images are.
    """

    exact_in_half = ("input",)

    def __init__(self, space: SearchSpace, note: Mapping[str, Any], data: Path | None) -> None:
        self.space = space
        source = noted_source(space, note, data)
        held = source.held_out()
        self._labels = held.labels
        self.inputs = _inputs(held.images)
        self.calibration = _inputs(source.calibration(CALIBRATION))
        self.preprocessing = _preprocessing(space, source.images)
        self.data_terms = _terms(source.images, str(source.identity[DIGEST]))

    def export(self, network: nn.Module, path: Path, form: Form) -> None:
        """See `HandOver`; one size, and nothing that is repeated."""
        if form.loop:
            raise UserError("--loop: networks of classification have no updates to put in a loop")
        if form.free_sizes:
            raise UserError("--dynamic: networks of classification are for images of one size")
        example = torch.from_numpy(self.inputs[0][INPUT_IMAGE])
        export_classifier(network, example, path, self.space.lower_all(), opset=form.opset)

    def score(self, outputs: Sequence[Array]) -> dict[str, float]:
        """See `HandOver`."""
        logits = torch.cat([torch.from_numpy(np.asarray(output)) for output in outputs])
        return label_metrics(logits, self._labels)


def _inputs(images: torch.Tensor) -> list[Inputs]:
    return [{INPUT_IMAGE: image[None].numpy()} for image in images]


def _preprocessing(space: SearchSpace, images: ImageSet) -> dict[str, Any]:
    height, width = space.input_height, space.input_width
    return {
        "inputs": {INPUT_IMAGE: {
            "shape": [1, 3, height, width], "layout": "NCHW", "type": "float32",
            "channels": "RGB; grey images in three equal channels", "range": [0, 255],
            "normalised": "inside the model", "what": "the image"}},
        "outputs": {OUTPUT_LOGITS: {
            "shape": [1, outputs_of(space)], "layout": "NC", "type": "float32",
            "classes": list(images.classes),
            "what": "one value a class in the order of `classes`, what follows is unused; the "
                    "largest is the answer, softmax over them gives probabilities"}},
        "fitting": {"scale": f"so that the image just covers {height} rows and {width} columns",
                    "filter": "bilinear, over all pixels where it shrinks, rounded to whole "
                              "numbers (Pillow's BILINEAR)",
                    "cut": "the middle"},
    }


def _terms(images: ImageSet, digest: str) -> str:
    licence = (f"its licence: {images.licence}" if images.licence else
               "its licence is not known to this package: who hands this on must know it")
    return (f"Weights: trained on the image set '{images.name}' ({len(images.classes)} classes, "
            f"sha256 {digest}); {licence}. `golden.npz` holds images of it.")
