"""ONNX Runtime's execution providers: which device each serves, and with what options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from luts.errors import UserError


@dataclass(frozen=True, slots=True)
class Provider:
    """One execution provider.

    Attributes:
        name: as ONNX Runtime calls it.
        precisions: precision to the options that choose it.
    """

    name: str
    precisions: dict[str, dict[str, str]] = field(default_factory=dict)

    def options(self, device: str, precision: str) -> dict[str, str]:
        """Options for one device and precision."""
        if device == "cpu":
            return {}
        return {"device_id": device.partition(":")[2] or "0", **self.precisions[precision]}


CPU = Provider("CPUExecutionProvider", {"fp32": {}})
CUDA = Provider("CUDAExecutionProvider", {"fp32": {"use_tf32": "0"}, "tf32": {"use_tf32": "1"}})
# It uses TF32 wherever it may, and has no option against it: so it does not offer fp32.
TENSORRT = Provider("TensorrtExecutionProvider",
                    {"tf32": {"trt_fp16_enable": "0"}, "fp16": {"trt_fp16_enable": "1"}})


def check_provider(provider: Provider, device: str) -> None:
    """Refuses a provider that the installed package lacks.

    Raises:
        UserError: it is not there; the message names the extra that has it.
    """
    import onnxruntime as ort

    known = ort.get_available_providers()
    if provider.name not in known:
        raise UserError(
            f"onnxruntime cannot reach '{device}': the installed package has no {provider.name} "
            f"(it has {', '.join(known)}); pip install 'metronas[gpu]'"
        )


def bind(session: Any, feeds: dict[str, Any], device: str) -> Any:
    """Inputs and outputs that stay on a CUDA device, so that no transfer is timed.

    Args:
        session: ONNX Runtime's session.
        feeds: input name to value.
        device: such as ``cuda:0``.
    """
    import onnxruntime as ort

    number = int(device.partition(":")[2] or 0)
    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(value, "cuda", number))
    for item in session.get_outputs():
        binding.bind_output(item.name, "cuda", number)
    return binding
