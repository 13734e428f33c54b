"""A torch module as an ONNX file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

from luts.errors import UserError


def export_module(module: Any, example_input: Any, path: Path) -> None:
    """Exports a module as it runs in evaluation, with the shapes of an example.

    Args:
        module: ``torch.nn.Module``; its training mode is the same afterwards.
        example_input: a tensor, or a tuple of the arguments of ``forward``.
        path: ONNX file to write; large weights lie beside it.

    Raises:
        UserError: torch cannot export it; the message holds the first line of what it said.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise UserError(f"a torch.nn.Module is wanted, got {type(module).__name__}")
    arguments = example_input if isinstance(example_input, tuple) else (example_input,)
    was_training = {layer: layer.training for layer in module.modules()}
    module.eval()
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with (torch.no_grad(), warnings.catch_warnings(),
              contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())):
            warnings.simplefilter("ignore")
            torch.onnx.export(module, arguments, path, dynamo=True, external_data=True,
                              verbose=False)
    except Exception as error:  # noqa: BLE001 - whatever the model's own code raises
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"torch cannot export {type(module).__name__} to ONNX ({said})") from None
    finally:
        quiet.setLevel(level)
        for layer, training in was_training.items():
            layer.training = training
