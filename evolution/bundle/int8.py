"""int8 by post-training quantisation with ONNX Runtime's own tools."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luts.errors import UserError
from luts.files import atomic_path

Inputs = dict[str, npt.NDArray[np.float32]]


def quantise(
    source: Path, path: Path, calibration: Sequence[Inputs], keep: Callable[[str], bool]
) -> int:
    """Writes a model whose convolutions compute in int8, with QuantizeLinear nodes around them.

    Weights are symmetric with one scale a channel, activations symmetric with one scale a tensor
    and biases stay fp32: what TensorRT, OpenVINO and ONNX Runtime all take.

    Args:
        source: fp32 model.
        path: target file.
        calibration: inputs from which the ranges of activations are learned.
        keep: whether the node of a name stays fp32.

    Returns:
        Convolutions that were quantised.

    Raises:
        UserError: ONNX Runtime is not installed.
    """
    try:
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError:
        raise UserError("int8 is made by ONNX Runtime's tools; install them with: "
                        "pip install 'metronas[cpu]'") from None
    import onnx

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # the tools log advice on the root logger
    try:
        with tempfile.TemporaryDirectory() as folder, atomic_path(path) as temporary:
            folded = Path(folder) / "folded.onnx"
            quant_pre_process(str(source), str(folded), skip_symbolic_shape=True)
            nodes = onnx.load(folded).graph.node
            kept = [node.name for node in nodes if node.op_type == "Conv" and keep(node.name)]
            quantization.quantize_static(
                str(folded), str(temporary), _reader(quantization, calibration),
                quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                op_types_to_quantize=["Conv"], nodes_to_exclude=kept,
                activation_type=quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                extra_options={"ActivationSymmetric": True, "QuantizeBias": False},
            )
    finally:
        root.setLevel(level)
    return int(sum(node.op_type == "Conv" for node in nodes)) - len(kept)


def _reader(quantization: Any, calibration: Sequence[Inputs]) -> Any:
    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left: Iterator[Inputs] = iter(calibration)

        def get_next(self) -> Inputs | None:
            return next(self.left, None)

    return Reader()
