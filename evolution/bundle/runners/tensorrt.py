"""Runs an engine of TensorRT or TensorRT for RTX; memory by the CUDA driver, without a package."""

from __future__ import annotations

import ctypes
import importlib
from pathlib import Path
from typing import Any

import numpy as np

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_TYPES = {"FLOAT": np.float32, "HALF": np.float16}


class Model:
    """An engine on a GPU.

    Args:
        folder: the bundle.
        manifest: what ``bundle.json`` holds.
        device: such as ``cuda:0``.

    Raises:
        ValueError: no such device, one of another compute capability, or the engine is refused.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], device: str) -> None:
        facts = manifest["model"]
        trt: Any = importlib.import_module(facts["runtime"])
        self._cuda = Driver(device)
        here = self._cuda.compute_capability
        if here != facts["compute_capability"]:
            raise ValueError(
                f"this engine is for compute capability {facts['compute_capability']}, and "
                f"'{device}' has {here}; export again with a target of that capability")
        log = trt.Logger(trt.Logger.ERROR)
        self._runtime = trt.Runtime(log)
        self._engine = self._runtime.deserialize_cuda_engine((folder / facts["file"]).read_bytes())
        self._context = self._engine and self._engine.create_execution_context()
        if self._context is None:
            raise ValueError(f"{facts['runtime']} {trt.__version__} refuses the engine, which "
                             f"{facts['runtime_version']} made")
        self._held: dict[str, tuple[int, Any]] = {}
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            kind = self._engine.get_tensor_dtype(name).name
            if kind not in _TYPES:
                raise ValueError(f"tensor '{name}' of the engine has type {kind}")
            array = np.empty(tuple(self._engine.get_tensor_shape(name)), _TYPES[kind])
            self._held[name] = (self._cuda.memory(array.nbytes), array)
            self._context.set_tensor_address(name, self._held[name][0])

    def outputs(self, inputs: dict[str, Any]) -> Any:
        """The output for arrays by name."""
        self.prepare(inputs)
        self.run()
        name = next(name for name in self._held if name not in inputs)
        address, array = self._held[name]
        self._cuda.call("cuMemcpyDtoH_v2", array.ctypes.data_as(ctypes.c_void_p),
                        ctypes.c_uint64(address), ctypes.c_size_t(array.nbytes))
        return array.astype(np.float32)

    def prepare(self, inputs: dict[str, Any]) -> None:
        """Copies inputs to the device, where they stay."""
        for name, value in inputs.items():
            address, array = self._held[name]
            array[...] = value
            self._cuda.call("cuMemcpyHtoD_v2", ctypes.c_uint64(address),
                            array.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(array.nbytes))

    def run(self) -> None:
        """Executes one inference and waits for its end."""
        if not self._context.execute_async_v3(self._cuda.stream):
            raise ValueError("the runtime refused to enqueue an inference")
        self._cuda.call("cuStreamSynchronize", ctypes.c_void_p(self._cuda.stream))


class Driver:
    """The little of the CUDA driver that is needed.

    Attributes:
        compute_capability: such as ``8.6``.
        stream: handle of a stream.

    Raises:
        ValueError: no driver, or no such device.
    """

    def __init__(self, device: str) -> None:
        try:
            self._library: Any = ctypes.CDLL("libcuda.so.1")
            self.call("cuInit", ctypes.c_uint(0))
        except (OSError, ValueError):
            raise ValueError(f"device '{device}' cannot be reached: no CUDA driver here") from None
        number, handle = int(device.partition(":")[2] or 0), ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(handle), ctypes.c_int(number))
        parts = []
        for attribute in (_MAJOR, _MINOR):
            value = ctypes.c_int()
            self.call("cuDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(attribute), handle)
            parts.append(str(value.value))
        self.compute_capability = ".".join(parts)
        context, stream = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), handle)
        self.call("cuCtxSetCurrent", context)
        self.call("cuStreamCreate", ctypes.byref(stream), ctypes.c_uint(0))
        self.stream = int(stream.value or 0)

    def memory(self, size: int) -> int:
        """Address of so many bytes on the device."""
        address = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return int(address.value)

    def call(self, name: str, *arguments: Any) -> None:
        """Calls the driver.

        Raises:
            ValueError: it reports an error.
        """
        code = getattr(self._library, name)(*arguments)
        if code:
            raise ValueError(f"CUDA driver: {name} ended with error {code}")
