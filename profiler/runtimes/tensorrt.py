"""TensorRT and TensorRT for RTX: one class, for their packages have the same shape."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

from luts.errors import InferenceError, UserError
from luts.files import atomic_path
from profiler.runtimes._cuda import capability_of, reach
from profiler.runtimes._model import random_inputs, read_onnx
from profiler.runtimes._trt_build import (
    CHOSEN_BY_FLAG,
    build_engine,
    capabilities,
    check_quantized,
    make_log,
    offered_precisions,
)
from profiler.runtimes._trt_session import TrtSession
from profiler.runtimes.base import Runtime, Session

_EXTRAS = {"tensorrt": "tensorrt", "tensorrt_rtx": "rtx"}


@dataclass(frozen=True, slots=True)
class AheadBuild:
    """An engine that was built for a device that need not be here.

    Attributes:
        seconds: time of the build.
        size_bytes: size of the engine file.
    """

    seconds: float
    size_bytes: int


class TensorRt(Runtime):
    """Engines on a CUDA device.

    TensorRT for RTX is strongly typed: fp16, bf16 and int8 come from the model's own types and
    cannot be chosen here, so it offers fp32 and tf32 only.

    Args:
        package: ``tensorrt`` or ``tensorrt_rtx``, which is also the runtime's name.
        device: such as ``cuda:0``.
    """

    kinds = ("gpu",)

    def __init__(self, package: str = "tensorrt", device: str = "cuda:0") -> None:
        self.name = package
        self.extra = _EXTRAS[package]
        self.device = device
        # Kept between models: most layers of a search space's networks return in the next one.
        self._timing_cache = b""

    def available(self) -> bool:
        """Whether the package can be imported."""
        return importlib.util.find_spec(self.name) is not None

    def version(self) -> str:
        """Version of the package."""
        return str(self._trt.__version__)

    @cached_property
    def precisions(self) -> tuple[str, ...]:  # type: ignore[override]
        """fp32 and tf32, and fp16, bf16 and int8 where the package lets the caller choose."""
        return offered_precisions(self._trt)

    def on(self, device: str) -> TensorRt:
        """The same package for another CUDA device; see `Runtime.on`."""
        super().on(device)
        reach(device)
        return TensorRt(self.name, device)

    def open(
        self, model: Path, *, threads: int = 1, precision: str = "fp32", profile: bool = False
    ) -> Session:
        """Builds an engine for the device and loads it; see `Runtime.open`."""
        self.check(precision, threads)
        feeds = random_inputs(read_onnx(model))
        if precision == "int8":
            check_quantized(self._trt, model)
        import torch

        device = reach(self.device)
        log = make_log(self._trt)
        with torch.cuda.device(device):
            engine, self._timing_cache = build_engine(
                self._trt, model, precision, log, timing_cache=self._timing_cache)
        return TrtSession(self._trt, engine, feeds, device, log, profile=profile)

    def build_ahead(
        self, model: Path, path: Path, compute_capability: str = "8.6", *, precision: str = "fp32"
    ) -> AheadBuild:
        """Builds an engine for a named compute capability; no GPU is needed.

        A package that cannot do so (the full TensorRT) builds for the device here, where that has
        the capability.

        Args:
            model: ONNX file with fixed input shapes.
            path: where the engine is written.
            compute_capability: such as ``8.6``, which is the RTX 3090's.
            precision: one of `precisions`.

        Raises:
            InferenceError: the model holds an unsupported operator.
            UserError: it has a free dimension, or the package does not build for this compute
                capability or precision.
        """
        self.check(precision, 1)
        known = capabilities(self._trt)
        if not known and capability_of(self.device) == compute_capability:
            known = {compute_capability: None}
        if compute_capability not in known:
            raise UserError(
                f"{self.name} does not build ahead for compute capability "
                f"'{compute_capability}'; known: {', '.join(known) or 'none'}"
            )
        random_inputs(read_onnx(model))
        if precision == "int8":
            check_quantized(self._trt, model)
        start = perf_counter()
        engine, _ = build_engine(self._trt, model, precision, make_log(self._trt),
                                 capability=known[compute_capability])
        seconds = perf_counter() - start
        try:
            with atomic_path(path) as part:
                part.write_bytes(engine)
        except OSError as error:
            raise UserError(f"cannot write '{path}' ({error.strerror or error})") from None
        return AheadBuild(seconds, path.stat().st_size)

    def inspect(self, engine: bytes) -> str:
        """Loads an engine on the device, and says in words what it is.

        Raises:
            InferenceError: the package refuses it here.
        """
        log = make_log(self._trt)
        runtime = self._trt.Runtime(log)
        loaded = runtime.deserialize_cuda_engine(engine)
        if loaded is None:
            why = log.errors[-1] if log.errors else "no reason given"
            raise InferenceError(f"{self.name} cannot load the engine on '{self.device}' ({why})")
        names = [loaded.get_tensor_name(i) for i in range(loaded.num_io_tensors)]
        shapes = ", ".join(f"{name} {tuple(loaded.get_tensor_shape(name))}" for name in names)
        return f"loaded on '{self.device}': {loaded.num_layers} layers; {shapes}"

    def check(self, precision: str, threads: int) -> None:
        """Refuses as `Runtime.check` does, and says whose choice a precision is."""
        if precision in CHOSEN_BY_FLAG and precision not in self.precisions:
            raise UserError(
                f"{self.name} takes '{precision}' from the model's own types and cannot choose it; "
                f"it runs {', '.join(self.precisions)}"
            )
        super().check(precision, threads)

    @cached_property
    def _trt(self) -> Any:
        return importlib.import_module(self.name)


def tensorrt_rtx() -> TensorRt:
    """TensorRT for RTX."""
    return TensorRt("tensorrt_rtx")
