"""Engines of a run's networks for a GPU that is not here, and what is read back of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from evolution.export import BEST, REFERENCE
from evolution.progress import View
from luts.errors import InferenceError, UserError
from luts.target import load_target

if TYPE_CHECKING:
    from evolution.result import Result

RUNTIME = "tensorrt_rtx"
SUFFIX = ".engine"
INSTALL = "pip install 'metronas[rtx]'"
# The first bytes of an engine of TensorRT for RTX 1.7, as builds for single capabilities differ:
# the format is not documented, so anything else than these is refused and not guessed at.
_MAGIC, _SIZE, _VERSION, _MASK = b"vtrt", slice(16, 24), slice(24, 27), 32
_CAPABILITIES = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")


class EngineResult(BaseModel):
    """One engine.

    Attributes:
        file: in the run folder.
        compute_capability: that it was built for.
        runtime: what built it, with its version.
        seconds: time of the build.
        size_bytes: size of the file.
        parsed_back: what was read back of it, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    compute_capability: str
    runtime: str
    seconds: float
    size_bytes: int
    parsed_back: str


class Engines(BaseModel):
    """What was built ahead for a run.

    Attributes:
        built: winner and reference; empty where nothing was built.
        reason: why nothing was built; empty where it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    built: tuple[EngineResult, ...] = ()
    reason: str = ""


def with_engines(result: Result, run: Path, view: View) -> Result:
    """A result with the engines that were built ahead for its target."""
    return result.model_copy(update={"engines": build_engines(run, result.target, view)})


def build_engines(run: Path, target: str, view: View) -> Engines:
    """Builds engines of ``best.onnx`` and ``reference.onnx`` for a target's compute capability.

    What is not installed, or not built for that capability, is said in one line; a search is not
    lost for it.

    Args:
        run: folder with the exported networks.
        target: a GPU.
        view: is told.
    """
    from profiler.runtimes import load_runtime

    facts = load_target(target)
    if facts.compute_capability is None or RUNTIME not in facts.runtimes:
        return Engines(reason=f"'{target}' is not served by {RUNTIME}")
    try:
        runtime: Any = load_runtime(RUNTIME)
    except UserError:
        reason = f"no engine was built: TensorRT for RTX is not installed; get it by: {INSTALL}"
        view.say(reason)
        return Engines(reason=reason)
    built = []
    try:
        for name in (BEST, REFERENCE):
            path = (run / name).with_suffix(SUFFIX)
            made = runtime.build_ahead(run / name, path, facts.compute_capability)
            read = parse_back(path, runtime, facts.compute_capability)
            view.say(f"built {path.name} for compute capability {facts.compute_capability}: "
                     f"{made.size_bytes / 2**20:.1f} MiB in {made.seconds:.1f} s; {read}")
            built.append(EngineResult(
                file=path.name, compute_capability=facts.compute_capability,
                runtime=f"{runtime.name} {runtime.version()}", seconds=made.seconds,
                size_bytes=made.size_bytes, parsed_back=read,
            ))
    except (InferenceError, UserError) as error:
        reason = f"no engine was built: {error}"
        view.say(reason)
        return Engines(built=tuple(built), reason=reason)
    return Engines(built=tuple(built))


def told(engines: Engines | None) -> str:
    """What was built, in a sentence for the report; empty where nothing was to be built."""
    if engines is None:
        return ""
    built = "; ".join(f"{engine.file} ({engine.parsed_back})" for engine in engines.built)
    return " Engines built ahead: " + "; ".join(part for part in (built, engines.reason) if part)


def parse_back(path: Path, runtime: Any, capability: str) -> str:
    """Reads an engine back: by the runtime where its device is here, else its header.

    Args:
        path: the engine.
        runtime: the `profiler.runtimes.tensorrt.TensorRt` that made it.
        capability: that it was built for.

    Returns:
        What was read, in words.

    Raises:
        InferenceError: it is not what was to be built.
    """
    from profiler.runtimes._cuda import capability_of

    data = path.read_bytes()
    if capability_of(runtime.device) == capability:
        return str(runtime.inspect(data))
    if runtime.name != RUNTIME:
        return "not read back: its device is not here"
    found = header_capabilities(data)
    if found != (capability,):
        raise InferenceError(f"the engine '{path}' names compute capabilities {found} in its "
                             f"header, not {capability}")
    version = ".".join(str(part) for part in data[_VERSION])
    return (f"header read: TensorRT for RTX {version}, compute capability {capability}, "
            f"{len(data)} bytes; not loaded, for no such GPU is here")


def header_capabilities(data: bytes) -> tuple[str, ...]:
    """Compute capabilities in the header of an engine of TensorRT for RTX.

    Raises:
        InferenceError: it is no such engine, or cut short.
    """
    if len(data) <= _MASK or data[:4] != _MAGIC:
        raise InferenceError("no engine of TensorRT for RTX: its first bytes are others")
    told = int.from_bytes(data[_SIZE], "little")
    if told != len(data):
        raise InferenceError(f"an engine that is cut short: {len(data)} of {told} bytes")
    mask = data[_MASK]
    if mask >> len(_CAPABILITIES):
        raise InferenceError(f"an engine whose header names unknown capabilities ({mask:#x})")
    return tuple(name for bit, name in enumerate(_CAPABILITIES) if mask >> bit & 1)
