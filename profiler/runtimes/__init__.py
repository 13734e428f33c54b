"""Runtimes by name; a third party adds one through the entry point ``metronas.runtimes``."""

from luts.errors import UserError
from luts.registry import Registry
from profiler.runtimes.base import GraphNode, NodeTimes, Runtime, Session

RUNTIMES: Registry[Runtime] = Registry(
    "runtime",
    "metronas.runtimes",
    {
        "onnxruntime": "profiler.runtimes.onnxruntime:OnnxRuntime",
        "onnxruntime_tensorrt": "profiler.runtimes.onnxruntime:onnxruntime_tensorrt",
        "openvino": "profiler.runtimes.openvino:OpenVino",
        "tensorrt": "profiler.runtimes.tensorrt:TensorRt",
        "tensorrt_rtx": "profiler.runtimes.tensorrt:tensorrt_rtx",
        "torch": "profiler.runtimes.torch:TorchRuntime",
    },
)

__all__ = ["RUNTIMES", "GraphNode", "NodeTimes", "Runtime", "Session", "load_runtime"]


def load_runtime(name: str, precision: str = "fp32", device: str | None = None) -> Runtime:
    """A runtime that is installed and supports a precision.

    Args:
        name: one of `RUNTIMES`.
        precision: arithmetic precision.
        device: such as ``cpu`` or ``cuda:0``; by default the device that it is made for.

    Raises:
        UnknownNameError: no such runtime.
        UserError: it is not installed, lacks the precision, or cannot reach the device.
    """
    runtime = RUNTIMES.get(name)()
    if not runtime.available():
        raise UserError(
            f"runtime '{name}' is not installed; pip install 'metronas[{runtime.extra}]'"
        )
    if device is not None:
        runtime = runtime.on(device)
    if precision not in runtime.precisions:
        known = ", ".join(runtime.precisions)
        raise UserError(f"runtime '{name}' does not run precision '{precision}'; it runs {known}")
    return runtime
