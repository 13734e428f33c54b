"""Runs a model in OpenVINO's format on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino

_HINTS = {"bf16": "bf16"}


class Model:
    """A compiled model.

    Args:
        folder: the bundle.
        manifest: what ``bundle.json`` holds.
        device: ``cpu``.

    Raises:
        ValueError: another device, or OpenVINO cannot load the model.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], device: str) -> None:
        if device != "cpu":
            raise ValueError(f"this bundle runs with openvino on 'cpu', not on '{device}'")
        precision = manifest["model"]["precision"]
        core = openvino.Core()
        offered = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in offered:
            raise ValueError("this bundle computes in bf16, which this processor lacks")
        options = {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": manifest["threads"],
            "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
            # Said also for others: processors with bf16 would use it unasked.
            "INFERENCE_PRECISION_HINT": _HINTS.get(precision, "f32"),
        }
        path = folder / manifest["model"]["file"]
        try:
            self._compiled = core.compile_model(str(path), "CPU", options)
        except RuntimeError as error:
            raise ValueError(f"openvino cannot load '{path}' ({error})") from None
        self._request = self._compiled.create_infer_request()

    def outputs(self, inputs: dict[str, Any]) -> Any:
        """The output for arrays by name."""
        self.prepare(inputs)
        self.run()
        return self._request.get_output_tensor(0).data.copy()

    def prepare(self, inputs: dict[str, Any]) -> None:
        """Puts inputs in place."""
        for item in self._compiled.inputs:
            name = next(name for name in item.get_names() if name in inputs)
            self._request.set_tensor(item, openvino.Tensor(inputs[name]))

    def run(self) -> None:
        """Executes one inference and waits for its end."""
        self._request.start_async()
        self._request.wait()
