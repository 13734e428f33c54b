"""The network of a run as a bundle needs it: exported, executed in PyTorch, scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evolution.bundle.choice import Choice
from evolution.export import WEIGHTS
from evolution.folder import read_settings
from evolution.result import load_result
from luts.errors import CorruptFileError, UserError

Array = npt.NDArray[np.float32]
Inputs = dict[str, Array]
Predict = Callable[[Inputs], Array]

# Positions need all their bits, and sums of products may exceed what fp16 holds: these parts stay
# fp32 in training, too (`supernet.raft.correlation`).
KEPT_IN_HALF = ("head.correlation", "head.lookup", "head.upsample", "head", "input")


@dataclass(frozen=True)
class Subject:
    """What is exported.

    Attributes:
        export: writes fp32 ONNX as a choice says.
        truth: what PyTorch computes in fp32.
        pairs: inputs by name on which outputs are compared and metrics taken.
        calibration: other inputs, from which quantisation learns ranges.
        score: validation metrics of outputs for `pairs`, in order.
        preprocessing: what inputs and outputs are, for ``preprocessing.json``.
        weights: safetensors file of the network.
        description: what ``--format torch`` builds the network from.
    """

    export: Callable[[Path, Choice], None]
    truth: Predict
    pairs: Sequence[Inputs]
    calibration: Sequence[Inputs]
    score: Callable[[Sequence[Array]], dict[str, float]]
    preprocessing: dict[str, Any]
    weights: Path
    description: dict[str, Any]


def load_subject(run: Path) -> Subject:
    """The winner of a finished run, from the weights in its folder.

    Raises:
        UserError: it is no finished run, one of another task than optical flow, or its weights are
            missing.
        CorruptFileError: the weights are damaged, or of another network.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from luts.spaces import load_space
    from supernet.data.photos import bundled_photos
    from supernet.export import INPUTS, export_network
    from supernet.raft.space import FlowSpace
    from supernet.tasks.flow import flow_metrics
    from supernet.tasks.flow_accuracy import VALIDATION_PAIRS, rendered_as_trained
    from supernet.training.data import validation_batch

    result, path = load_result(run), run / WEIGHTS
    torch.set_num_threads(read_settings(run).threads)
    space: Any = load_space(result.recipe)
    if not isinstance(space, FlowSpace):
        raise UserError(f"'{run}' is of recipe {result.recipe}; bundles are made of optical flow "
                        f"so far; its network as ONNX is {run}/best.onnx")
    network = space.build(space.architecture(result.best.architecture or {}))
    if not path.is_file():
        raise UserError(f"'{path}' is missing, so '{run}' cannot be exported; copy the whole run")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise CorruptFileError(f"'{path}' holds no weights of this run's winner ({error})"
                               ) from None
    network.eval().requires_grad_(False)
    size = rendered_as_trained(space)
    held_out = validation_batch(bundled_photos(), size, VALIDATION_PAIRS)
    learned = validation_batch(bundled_photos(), size, VALIDATION_PAIRS, part=1)

    def export(target: Path, choice: Choice) -> None:
        height, width = space.input_height, space.input_width
        if choice.loop:
            from supernet.looped import export_looped

            export_looped(network, target, height, width, opset=choice.opset)
            return
        export_network(network, target, height, width, space.lower_all(), opset=choice.opset,
                       dynamic=choice.dynamic)

    def truth(inputs: Inputs) -> Array:
        with torch.no_grad():
            found: Array = network(*(torch.from_numpy(inputs[name]) for name in INPUTS)).numpy()
        return found

    def score(outputs: Sequence[Array]) -> dict[str, float]:
        flows = torch.cat([torch.from_numpy(np.asarray(output)) for output in outputs])
        return flow_metrics(flows, held_out.flow, held_out.valid)

    def inputs_of(batch: Any) -> list[Inputs]:
        return [{INPUTS[0]: one[None].numpy(), INPUTS[1]: two[None].numpy()}
                for one, two in zip(batch.frame1, batch.frame2, strict=True)]

    return Subject(
        export, truth, inputs_of(held_out), inputs_of(learned), score,
        _preprocessing(space.input_height, space.input_width), path,
        {"space": result.recipe, "architecture": result.best.architecture, "inputs": list(INPUTS)},
    )


def _preprocessing(height: int, width: int) -> dict[str, Any]:
    frame = {"shape": [1, 3, height, width], "layout": "NCHW", "type": "float32",
             "channels": "RGB", "range": [0, 255], "normalised": "inside the model, to -1..1"}
    return {
        "inputs": {"frame1": {**frame, "what": "the earlier frame"},
                   "frame2": {**frame, "what": "the later frame"}},
        "outputs": {"flow": {
            "shape": [1, 2, height, width], "layout": "NCHW", "type": "float32",
            "channels": ["x to the right", "y downwards"], "unit": "pixels of the input",
            "what": "motion of each pixel of frame1 to frame2"}},
        "padding": {"multiple": 8, "mode": "edge", "sides": "half on either side, the odd row or "
                    "column at the bottom or right", "afterwards": "cut the same off the flow"},
    }


def kept_by(parts: Sequence[str]) -> Callable[[str], bool]:
    """Whether the node of a name belongs to one of some parts; ``fnet.*`` is all below ``fnet``."""
    return lambda name: any(fnmatchcase(name.rpartition("/")[0], part) for part in parts)
