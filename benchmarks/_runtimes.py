"""The runtimes that benchmarks compare files on."""

from __future__ import annotations

from collections.abc import Iterator

from profiler.runtimes import Runtime


def cpu_runtimes() -> Iterator[Runtime]:
    """ONNX Runtime and OpenVINO, as far as they are installed; what is missing is said."""
    from luts.errors import UserError
    from profiler.runtimes import load_runtime

    for name in ("onnxruntime", "openvino"):
        try:
            yield load_runtime(name)
        except UserError as error:
            print(f"{name}: {error}")
