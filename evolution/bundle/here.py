"""What can execute models on this machine, for checking what was written."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from evolution.bundle.choice import ENGINES, Choice
from evolution.bundle.subject import Predict
from luts.errors import UserError


def check_installed(choice: Choice) -> None:
    """Refuses a format whose packages are missing, before anything is computed.

    Raises:
        UserError: one is not installed, or does not reach the device that it must build on.
    """
    from profiler.runtimes import load_runtime

    if choice.format in ENGINES:
        load_runtime(choice.runtime, device="cuda:0" if choice.format == "tensorrt" else None)
    version_of("onnxruntime" if choice.format in ENGINES else choice.runtime)


def onnx_predict(model: Path, threads: int) -> Predict:
    """A function that runs an ONNX model with ONNX Runtime on the CPU.

    Raises:
        UserError: it is not installed, or cannot load the model.
    """
    return predict_with("onnxruntime", model, threads)


def predict_with(runtime: str, model: Path, threads: int) -> Predict:
    """A function that runs an fp32 ONNX model on the CPU.

    Args:
        runtime: ``onnxruntime`` or ``openvino``.
        model: the file.
        threads: that it may use.

    Raises:
        UserError: the runtime is not installed, or cannot load the model.
    """
    return runner(runtime, model.parent, {
        "threads": threads, "model": {"file": model.name, "precision": "fp32"}})


def runner(name: str, folder: Path, manifest: dict[str, Any]) -> Predict:
    """A function that runs a bundle's model on the CPU, as the bundle itself does.

    Args:
        name: of one of `evolution.bundle.runners`.
        folder: where the model lies.
        manifest: what ``bundle.json`` will hold, as far as that runner reads it.

    Raises:
        UserError: the runtime is not installed, or cannot load the model.
    """
    try:
        module: Any = importlib.import_module(f"evolution.bundle.runners.{name}")
        model = module.Model(folder, manifest, "cpu")
    except ImportError:
        raise _missing(name) from None
    except ValueError as error:
        raise UserError(str(error)) from None
    predict: Predict = model.outputs
    return predict


def version_of(package: str) -> str:
    """Version of a package, without the build it was made from.

    Raises:
        UserError: it is not installed.
    """
    try:
        return str(importlib.import_module(package).__version__).partition("-")[0]
    except ImportError:
        raise _missing(package) from None


def _missing(package: str) -> UserError:
    extra = "openvino" if package == "openvino" else "cpu"
    return UserError(f"exporting needs {package} to check what it wrote; install it with: "
                     f"pip install 'metronas[{extra}]'")
