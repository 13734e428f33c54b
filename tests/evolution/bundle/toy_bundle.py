"""Finished runs in miniature, and the subject of their bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from evolution.bundle.choice import Choice
from evolution.bundle.subject import Subject
from evolution.conduct import conduct
from evolution.export import WEIGHTS
from evolution.folder import EXAMPLES
from luts.files import write_json
from supernet.hand_over import Form, HandOver
from tests.evolution.toys import SIZE, Notes, Toys, write_flow_model

if TYPE_CHECKING:
    from supernet.space import SearchSpace

GAIN = 0.5


def make_run(folder: Path, *, measured: bool = False) -> Path:
    toys = Toys()
    stopwatch = toys.stopwatch if measured else None
    conduct(toys.plan(folder, latency="80%"), toys.accuracy, stopwatch, Notes())
    return folder


class ToyHandOver(HandOver):
    """Pairs of noise, and the size of what comes out as their metric."""

    data_terms = "Weights: a single number."

    def __init__(self, gain: float) -> None:
        self.preprocessing = {"inputs": {}}
        rng = np.random.default_rng(1)
        pairs = [{name: rng.uniform(0, 255, (1, 3, SIZE, SIZE)).astype(np.float32)
                  for name in ("frame1", "frame2")} for _ in range(4)]
        self.inputs, self.calibration = pairs[:3], pairs[3:]
        self.gain = gain

    def export(self, network: Any, path: Path, form: Form) -> None:
        write_flow_model(path, self.gain, None)

    def score(self, outputs: Sequence[Any]) -> dict[str, float]:
        return {"epe": float(np.mean([np.abs(output).mean() for output in outputs]))}


def toy_subject(run: Path, data: Path | None = None, gain: float = GAIN) -> Subject:
    task = ToyHandOver(gain)

    def export(path: Path, choice: Choice) -> None:
        task.export(None, path, Form(choice.opset))

    def truth(inputs: dict[str, Any]) -> Any:
        return GAIN * (inputs["frame2"] - inputs["frame1"])

    return Subject(export, truth, task, run / WEIGHTS, {})


def make_real_run(folder: Path, recipe: str = "flownas-small", note: Any = None) -> Path:
    """A finished run whose winner is a real, untrained network.

    Args:
        folder: of the run.
        recipe: of its space.
        note: of its examples (None: none).
    """
    import torch

    from evolution.export import export_weights
    from evolution.result import load_result
    from luts.spaces import load_space
    from supernet.recalibrate import recalibrate

    space = cast("SearchSpace", load_space(recipe))
    result = load_result(make_run(folder))
    torch.manual_seed(0)
    if note is None:
        architecture = space.decode(space.smallest)
        network = space.build(architecture)
    else:
        architecture = space.decode(space.sample(np.random.default_rng(0), 1)[0])
        network = space.build(architecture)
        # Norms that fit the weights, so that values have the size of a trained network's.
        recalibrate(network, 255 * torch.rand(8, 3, space.input_height, space.input_width))
    export_weights(network, folder / WEIGHTS, {})
    best = result.best.model_copy(update={"architecture": architecture.as_json()})
    result.model_copy(update={"best": best, "recipe": recipe}).save(folder)
    write_json(folder / EXAMPLES, note or {})
    return folder
