"""Runs an ONNX model with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime


class Model:
    """A loaded model.

    Args:
        folder: the bundle.
        manifest: what ``bundle.json`` holds.
        device: ``cpu``, or ``cuda:0``.

    Raises:
        ValueError: ONNX Runtime does not reach the device, or cannot load the model.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], device: str) -> None:
        kind, _, number = device.partition(":")
        provider = "CPUExecutionProvider" if device == "cpu" else "CUDAExecutionProvider"
        offered = onnxruntime.get_available_providers()
        if kind not in {"cpu", "cuda"} or provider not in offered:
            raise ValueError(f"onnxruntime does not reach device '{device}' here; it has "
                             f"{', '.join(offered)}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = manifest["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        settings = {} if device == "cpu" else {"device_id": int(number or 0), "use_tf32": 0}
        path = folder / manifest["model"]["file"]
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=[(provider, settings)])
        except Exception as error:  # noqa: BLE001 - its errors have no common class
            raise ValueError(f"onnxruntime cannot load '{path}' ({error})") from None
        if provider not in self._session.get_providers():
            raise ValueError(f"onnxruntime does not reach device '{device}' here; it fell back to "
                             f"{', '.join(self._session.get_providers())}")
        self._binding: Any = None
        self._feeds: dict[str, Any] = {}
        self._device = device

    def outputs(self, inputs: dict[str, Any]) -> Any:
        """The output for arrays by name."""
        return self._session.run(None, inputs)[0]

    def prepare(self, inputs: dict[str, Any]) -> None:
        """Puts inputs in place; on a GPU they and the results stay there."""
        self._feeds = inputs
        if self._device == "cpu":
            return
        kind, _, number = self._device.partition(":")
        self._binding = self._session.io_binding()
        for name, value in inputs.items():
            held = onnxruntime.OrtValue.ortvalue_from_numpy(value, kind, int(number or 0))
            self._binding.bind_ortvalue_input(name, held)
        for item in self._session.get_outputs():
            self._binding.bind_output(item.name, kind, int(number or 0))

    def run(self) -> None:
        """Executes one inference and waits for its end."""
        if self._binding is None:
            self._session.run(None, self._feeds)
        else:
            self._session.run_with_iobinding(self._binding)
            self._binding.synchronize_outputs()
