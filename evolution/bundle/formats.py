"""From a network to the files of a format."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evolution.bundle.choice import ENGINES, Choice
from evolution.bundle.here import onnx_predict, runner, version_of
from evolution.bundle.manifest import ModelFacts
from evolution.bundle.subject import Predict, Subject, kept_by
from luts.errors import UserError
from luts.target import Target

SOURCE, ONNX, ENGINE, IR, WEIGHTS, DESCRIPTION = (
    "source.onnx", "model.onnx", "model.engine", "model.xml", "model.safetensors", "model.json")


@dataclass(frozen=True)
class Made:
    """A model of a bundle.

    Attributes:
        facts: for the manifest.
        predict: executes it here, or what stands for it.
        on: what that is, in words.
        rounded: computes in fp32 with the roundings of half precision, for runtimes here compute
            with more bits than a device with such kernels does; None for other precisions.
    """

    facts: ModelFacts
    predict: Predict
    on: str
    rounded: Predict | None = None


def make_model(
    subject: Subject, choice: Choice, target: Target, folder: Path, threads: int
) -> Made:
    """Writes the model's files into a folder.

    Args:
        subject: what is exported.
        choice: format, precision and form.
        target: that it is for.
        folder: an empty one.
        threads: that the model may use here.

    Raises:
        UserError: the format's package is not installed, or the choice cannot be made.
        InferenceError: the package refuses the network.
    """
    if choice.format == "torch":
        return _torch(subject, choice, folder, threads)
    source = folder / SOURCE
    subject.export(source, choice)
    kept: tuple[str, ...] = ()
    model = folder / ONNX
    if choice.precision == "int8":
        from evolution.bundle.int8 import quantise

        kept = subject.task.exact_in_int8
        quantise(source, model, subject.task.calibration, kept_by(kept))
    elif choice.precision != "fp32" and choice.format != "openvino":  # which halves by itself
        from evolution.bundle.mixed import halve

        kept = subject.task.exact_in_half
        halve(source, model, choice.precision, kept_by(kept))
    else:
        source.replace(model)
    facts = ModelFacts(
        file=ONNX, format=choice.format, precision=choice.precision, runtime=choice.runtime,
        opset=choice.opset, shapes="dynamic" if choice.dynamic else "fixed",
        loop="loop" if choice.loop else "unrolled", kept=kept,
    )
    if choice.format == "openvino":
        made = _openvino(facts, folder, threads)
    else:
        made = _checked_here(facts, choice, folder, threads)
        if choice.format in ENGINES:
            made = _engine(made, choice, target, folder)
    source.unlink(missing_ok=True)
    return made


def _checked_here(facts: ModelFacts, choice: Choice, folder: Path, threads: int) -> Made:
    version = version_of("onnxruntime")
    facts = facts.model_copy(update={"runtime_version": version})
    by = f"with onnxruntime {version} on a CPU"
    rounded = None
    if choice.precision in ("fp16", "bf16"):
        from evolution.bundle.mixed import halve

        stand_in = folder / "rounded.onnx"
        halve(folder / SOURCE, stand_in, choice.precision, kept_by(facts.kept), simulate=True)
        rounded = onnx_predict(stand_in, threads)
        stand_in.unlink()
        if choice.precision == "bf16":  # no runtime here has such kernels for ONNX
            return Made(facts, rounded, f"{ONNX} rounded alike but computed in fp32, {by}", rounded)
    return Made(facts, onnx_predict(folder / ONNX, threads), f"{ONNX} {by}", rounded)


def _openvino(facts: ModelFacts, folder: Path, threads: int) -> Made:
    try:
        import openvino
    except ImportError:
        raise UserError("--format openvino needs OpenVINO; install it with: "
                        "pip install 'metronas[openvino]'") from None
    model = folder / ONNX
    read = openvino.convert_model(str(model))
    openvino.save_model(read, str(folder / IR), compress_to_fp16=facts.precision == "fp16")
    model.unlink()
    version = version_of("openvino")
    facts = facts.model_copy(update={
        "file": IR, "extra": (Path(IR).with_suffix(".bin").name,), "runtime_version": version})
    manifest = {"threads": threads, "model": facts.model_dump()}
    return Made(facts, runner("openvino", folder, manifest),
                f"{IR} with openvino {version} on a CPU")


def _torch(subject: Subject, choice: Choice, folder: Path, threads: int) -> Made:
    import torch

    (folder / WEIGHTS).write_bytes(subject.weights.read_bytes())
    (folder / DESCRIPTION).write_text(json.dumps(subject.description, indent=2) + "\n")
    version = str(torch.__version__)
    facts = ModelFacts(
        file=WEIGHTS, extra=(DESCRIPTION,), format="torch", precision=choice.precision,
        runtime="torch", runtime_version=version, opset=None, shapes="dynamic", loop="unrolled",
    )
    manifest = {"threads": threads, "model": facts.model_dump()}
    return Made(facts, runner("torch", folder, manifest), f"PyTorch {version} on a CPU")


def _engine(made: Made, choice: Choice, target: Target, folder: Path) -> Made:
    from evolution.engines import parse_back
    from profiler.runtimes import load_runtime

    capability = target.compute_capability
    assert capability is not None
    device = "cuda:0" if choice.format == "tensorrt" else None
    runtime: Any = load_runtime(choice.runtime, device=device)
    # A package that is typed by the model must not be told the model's precision again.
    told = choice.precision if choice.precision in runtime.precisions else "fp32"
    runtime.build_ahead(folder / ONNX, folder / ENGINE, capability, precision=told)
    facts = made.facts.model_copy(update={
        "file": ENGINE, "extra": (ONNX,), "runtime_version": runtime.version(),
        "compute_capability": capability,
        "parsed_back": parse_back(folder / ENGINE, runtime, capability),
    })
    return replace(made, facts=facts, on=f"{made.on}; the engine was built from {ONNX} and not run")
