"""What handing over a flow network takes: rendered pairs, and what flow is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from supernet.data.photos import bundled_photos
from supernet.data.render import FlowBatch
from supernet.export import INPUTS, OUTPUT, export_network
from supernet.hand_over import Array, Form, HandOver, Inputs
from supernet.looped import export_looped
from supernet.tasks.flow import flow_metrics
from supernet.tasks.flow_accuracy import VALIDATION_PAIRS, rendered_as_trained
from supernet.training.data import validation_batch

if TYPE_CHECKING:
    from supernet.raft.network import FlowNetwork
    from supernet.raft.space import FlowSpace

_TERMS = (
    "Weights: trained on pairs rendered from the photographs that scikit-image and scikit-learn "
    "bring along, unless the run used weights of its own training: then the licences of those "
    "data count. `golden.npz` holds such rendered pairs. The network's head is RAFT's (Teed and "
    "Deng, ECCV 2020), whose code is not part of it."
)


class FlowHandOver(HandOver):
    """See `HandOver`; the pairs are those that a search scores on.

    Args:
        space: its input size is that of the pairs.
    """

    # Positions need all their bits, and sums of products may exceed what fp16 holds: these parts
    # stay fp32 in training, too (`supernet.raft.correlation`).
    exact_in_half = ("head.correlation", "head.lookup", "head.upsample", "head", "input")
    # Matching needs the features' last bits (docs/decisions/int8.md).
    exact_in_int8 = ("fnet.*",)
    data_terms = _TERMS

    def __init__(self, space: FlowSpace) -> None:
        self.space = space
        size = rendered_as_trained(space)
        self._held_out = validation_batch(bundled_photos(), size, VALIDATION_PAIRS)
        self.inputs = _inputs(self._held_out)
        self.calibration = _inputs(
            validation_batch(bundled_photos(), size, VALIDATION_PAIRS, part=1))
        self.preprocessing = _preprocessing(space.input_height, space.input_width)

    def export(self, network: nn.Module, path: Path, form: Form) -> None:
        """See `HandOver`."""
        space = self.space
        if form.loop:
            export_looped(cast("FlowNetwork", network), path, space.input_height,
                          space.input_width, opset=form.opset)
        else:
            export_network(network, path, space.input_height, space.input_width,
                           space.lower_all(), opset=form.opset, dynamic=form.free_sizes)

    def score(self, outputs: Sequence[Array]) -> dict[str, float]:
        """See `HandOver`."""
        flows = torch.cat([torch.from_numpy(np.asarray(output)) for output in outputs])
        return flow_metrics(flows, self._held_out.flow, self._held_out.valid)


def _inputs(batch: FlowBatch) -> list[Inputs]:
    return [{INPUTS[0]: one[None].numpy(), INPUTS[1]: two[None].numpy()}
            for one, two in zip(batch.frame1, batch.frame2, strict=True)]


def _preprocessing(height: int, width: int) -> dict[str, Any]:
    frame = {"shape": [1, 3, height, width], "layout": "NCHW", "type": "float32",
             "channels": "RGB", "range": [0, 255], "normalised": "inside the model, to -1..1"}
    earlier, later = INPUTS
    return {
        "inputs": {earlier: {**frame, "what": "the earlier frame"},
                   later: {**frame, "what": "the later frame"}},
        "outputs": {OUTPUT: {
            "shape": [1, 2, height, width], "layout": "NCHW", "type": "float32",
            "channels": ["x to the right", "y downwards"], "unit": "pixels of the input",
            "what": "motion of each pixel of frame1 to frame2"}},
        "padding": {"multiple": 8, "mode": "edge", "sides": "half on either side, the odd row or "
                    "column at the bottom or right", "afterwards": "cut the same off the flow"},
    }
