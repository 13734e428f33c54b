"""The files that are handed over: the network as ONNX and its weights as safetensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from luts.files import atomic_path

if TYPE_CHECKING:
    import torch

    from supernet.accuracy import AccuracySource

Array = npt.NDArray[np.float32]
Predict = Callable[..., Array]

BEST, REFERENCE, WEIGHTS = "best.onnx", "reference.onnx", "best.safetensors"


def export_onnx(accuracy: AccuracySource, network: torch.nn.Module, path: Path) -> None:
    """Writes a network with its weights, whole or not at all."""
    with atomic_path(path) as temporary:
        accuracy.export(network, temporary)


def export_weights(network: torch.nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Writes a network's parameters and buffers, whole or not at all.

    Args:
        network: whose state is written.
        path: the safetensors file.
        metadata: text pairs for the file's header.
    """
    from safetensors.torch import save

    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def onnx_predict(path: Path, threads: int) -> Predict:
    """A function that runs an exported network with ONNX Runtime.

    Args:
        path: the model.
        threads: threads that it may use.

    Returns:
        A function of the model's inputs, in their order, that gives the first output.

    Raises:
        UserError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "verification needs ONNX Runtime; install it with: pip install 'metronas[cpu]'"
        ) from None

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    names = [item.name for item in session.get_inputs()]

    def predict(*arrays: Array) -> Array:
        output: Array = session.run(None, dict(zip(names, arrays, strict=True)))[0]
        return output

    return predict
