"""From an ONNX file to a TensorRT engine; `trt` is ``tensorrt`` or ``tensorrt_rtx``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luts.errors import InferenceError, UserError
from profiler.runtimes._model import read_onnx

# Precision to the flag that lets layers use it; TF32 is on unless it is taken away.
CHOSEN_BY_FLAG = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}
_NO_IMPORTER = "Plugin not found"


def offered_precisions(trt: Any) -> tuple[str, ...]:
    """Precisions that a package can choose; one that is strongly typed leaves that to the model."""
    by_flag = [name for name, flag in CHOSEN_BY_FLAG.items() if hasattr(trt.BuilderFlag, flag)]
    return ("fp32", "tf32", *by_flag)


def capabilities(trt: Any) -> dict[str, Any]:
    """Compute capability such as ``8.6`` to the package's name for it, in ascending order."""
    members = getattr(getattr(trt, "ComputeCapability", None), "__members__", {})
    found = {name.removeprefix("SM"): value for name, value in members.items()
             if name.startswith("SM")}
    return {f"{digits[:-1]}.{digits[-1]}": found[digits] for digits in sorted(found, key=int)}


def make_log(trt: Any) -> Any:
    """A logger that keeps errors for the message in which they end."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in {trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR}:
                self.errors.append(" ".join(message.split()))

    return Log()


def build_engine(
    trt: Any, model: Path, precision: str, log: Any, *,
    capability: Any = None, timing_cache: bytes = b"",
) -> tuple[Any, bytes]:
    """Builds an engine.

    Args:
        trt: the package.
        model: ONNX file with fixed input shapes.
        precision: one of `offered_precisions`.
        log: from `make_log`.
        capability: compute capability to build ahead for; this machine's device by default.
        timing_cache: what an earlier build returned.

    Returns:
        The serialized engine, and the timing cache; the latter is empty where the package has none.

    Raises:
        InferenceError: an operator is not supported, or the builder fails.
    """
    del log.errors[:]
    try:
        builder = trt.Builder(log)
    except TypeError:  # what a factory that returns no object ends in
        raise InferenceError(_line(trt, model, _last(log))) from None
    network = builder.create_network(0)
    _parse(trt, model, network, log)
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if precision == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)
    else:
        config.set_flag(trt.BuilderFlag.TF32)
    if precision in CHOSEN_BY_FLAG:
        config.set_flag(getattr(trt.BuilderFlag, CHOSEN_BY_FLAG[precision]))
    if capability is not None:
        config.num_compute_capabilities = 1
        if not config.set_compute_capability(capability, 0):
            raise InferenceError(_line(trt, model, f"{capability} is refused"))
    # Builds of TensorRT-RTX time nothing: it compiles on the device, at load.
    cache = None if _compiles_at_load(trt) else config.create_timing_cache(timing_cache)
    if cache is not None:
        config.set_timing_cache(cache, ignore_mismatch=False)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise InferenceError(_line(trt, model, _last(log)))
    return engine, b"" if cache is None else bytes(cache.serialize())


def check_quantized(trt: Any, model: Path) -> None:
    """Refuses to call a model int8 that says nowhere how it is quantized.

    Raises:
        UserError: it has no QuantizeLinear node.
    """
    if all(node.op_type != "QuantizeLinear" for node in read_onnx(model).graph.node):
        raise UserError(_line(trt, model, "int8 needs QuantizeLinear nodes, and it has none"))


def _compiles_at_load(trt: Any) -> bool:
    return hasattr(trt, "IRuntimeCache")


def _parse(trt: Any, model: Path, network: Any, log: Any) -> None:
    parser = trt.OnnxParser(network, log)
    if parser.parse_from_file(str(model)):
        return
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    # One entry an operator: a network repeats what it repeats.
    refused: dict[str, str] = {}
    for error in errors:
        if error.node_operator():
            why = "" if _NO_IMPORTER in error.desc() else f": {' '.join(error.desc().split())}"
            refused.setdefault(error.node_operator(), f"{error.node_name()}{why}")
    if refused:
        listed = ", ".join(f"{name} ({where})" for name, where in sorted(refused.items()))
        raise InferenceError(_line(trt, model, f"unsupported operators: {listed}"))
    told = [" ".join(error.desc().split()) for error in errors]
    raise InferenceError(_line(trt, model, "; ".join(told) or _last(log)))


def _line(trt: Any, model: Path, why: str) -> str:
    return f"{trt.__name__} cannot build '{model}' ({why})"


def _last(log: Any) -> str:
    return str(log.errors[-1]) if log.errors else "no reason given"
