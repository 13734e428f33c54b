"""A finished toy run and the subject of its bundles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evolution.bundle.choice import Choice
from evolution.bundle.subject import Subject
from evolution.conduct import conduct
from evolution.export import WEIGHTS
from tests.evolution.toys import SIZE, Notes, Toys, write_flow_model

GAIN = 0.5


def make_run(folder: Path, *, measured: bool = False) -> Path:
    toys = Toys()
    stopwatch = toys.stopwatch if measured else None
    conduct(toys.plan(folder, latency="80%"), toys.accuracy, stopwatch, Notes())
    return folder


def toy_subject(run: Path, gain: float = GAIN) -> Subject:
    rng = np.random.default_rng(1)

    def pair() -> dict[str, Any]:
        return {name: rng.uniform(0, 255, (1, 3, SIZE, SIZE)).astype(np.float32)
                for name in ("frame1", "frame2")}

    def export(path: Path, choice: Choice) -> None:
        write_flow_model(path, gain, None)

    def truth(inputs: dict[str, Any]) -> Any:
        return GAIN * (inputs["frame2"] - inputs["frame1"])

    def score(outputs: Sequence[Any]) -> dict[str, float]:
        return {"epe": float(np.mean([np.abs(output).mean() for output in outputs]))}

    return Subject(export, truth, [pair() for _ in range(3)], [pair()], score, {"inputs": {}},
                   run / WEIGHTS, {})


def make_real_run(folder: Path) -> Path:
    """A finished run whose winner is a real, untrained network."""
    import torch

    from evolution.export import export_weights
    from evolution.result import load_result
    from supernet.spaces.flownas import flownas_small

    space, result = flownas_small(), load_result(make_run(folder))
    architecture = space.decode(space.smallest)
    torch.manual_seed(0)
    export_weights(space.build(architecture), folder / WEIGHTS, {})
    best = result.best.model_copy(update={"architecture": architecture.as_json()})
    result.model_copy(update={"best": best}).save(folder)
    return folder
