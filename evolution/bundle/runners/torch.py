"""Runs a network with PyTorch; its code is the package metronas, its file holds weights alone."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import torch

_HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}


class Model:
    """A network with its weights.

    Args:
        folder: the bundle.
        manifest: what ``bundle.json`` holds.
        device: ``cpu``, or ``cuda:0``.

    Raises:
        ValueError: no such device, or the weights are not of the network.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], device: str) -> None:
        from safetensors.torch import load_file

        from luts.spaces import load_space

        kind = device.partition(":")[0]
        if kind not in {"cpu", "cuda"} or (kind == "cuda" and not torch.cuda.is_available()):
            raise ValueError(f"torch does not reach device '{device}' here")
        torch.set_num_threads(manifest["threads"])
        self._half = _HALF.get(manifest["model"]["precision"])
        self._device = torch.device(device)
        described = json.loads((folder / manifest["model"]["extra"][0]).read_text())
        space: Any = load_space(described["space"])
        network = space.build(space.architecture(described["architecture"]))
        try:
            network.load_state_dict(load_file(folder / manifest["model"]["file"]))
        except RuntimeError as error:
            raise ValueError(f"these weights are of another network ({error})") from None
        self._network = network.to(self._device).eval().requires_grad_(False)
        self._names: list[str] = described["inputs"]
        self._inputs: list[torch.Tensor] = []

    def outputs(self, inputs: dict[str, Any]) -> Any:
        """The output for arrays by name."""
        self.prepare(inputs)
        return self._output().float().cpu().numpy()

    def prepare(self, inputs: dict[str, Any]) -> None:
        """Puts inputs on the device."""
        self._inputs = [torch.from_numpy(inputs[name]).to(self._device) for name in self._names]

    def run(self) -> None:
        """Executes one inference and waits for its end."""
        self._output()
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _output(self) -> torch.Tensor:
        computing = (
            contextlib.nullcontext() if self._half is None
            else torch.autocast(self._device.type, dtype=self._half)
        )
        with torch.inference_mode(), computing:
            output: torch.Tensor = self._network(*self._inputs)
        return output
