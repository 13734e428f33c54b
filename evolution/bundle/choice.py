"""What a bundle can hold: formats, precisions and forms that go together."""

from __future__ import annotations

from dataclasses import dataclass

from luts.errors import UnknownNameError, UserError
from luts.target import Target

FORMATS = ("onnx", "openvino", "tensorrt", "tensorrt-rtx", "torch")
# Format to what executes it, by the name under which this package measures it.
RUNTIMES = {
    "onnx": "onnxruntime", "openvino": "openvino", "tensorrt": "tensorrt",
    "tensorrt-rtx": "tensorrt_rtx", "torch": "torch",
}
ENGINES = ("tensorrt", "tensorrt-rtx")
# ONNX Runtime has no bf16 kernels for processors, and PyTorch no static int8 for any device.
PRECISIONS = {
    "onnx": ("fp32", "fp16", "int8"),
    "openvino": ("fp32", "fp16", "bf16", "int8"),
    "tensorrt": ("fp32", "fp16", "bf16", "int8"),
    "tensorrt-rtx": ("fp32", "fp16", "bf16", "int8"),
    "torch": ("fp32", "fp16", "bf16"),
}
# GridSample came with 16; later ones than 20 are unknown to torch's tracing exporter.
OPSETS = range(16, 21)
OPSET = 17


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user asks for.

    Attributes:
        format: one of `FORMATS`.
        precision: arithmetic precision.
        opset: of the ONNX graph that all formats but ``torch`` come from.
        dynamic: whether height and width stay free (multiples of 8).
        loop: whether the updates are an ONNX ``Loop`` instead of written out.
    """

    format: str = "onnx"
    precision: str = "fp32"
    opset: int = OPSET
    dynamic: bool = False
    loop: bool = False

    def check(self, target: Target) -> None:
        """Refuses what cannot be made.

        Raises:
            UnknownNameError: no such format.
            UserError: parts that do not go together.
        """
        if self.format not in FORMATS:
            raise UnknownNameError("format", self.format, FORMATS)
        if self.precision not in PRECISIONS[self.format]:
            having = [name for name in FORMATS if self.precision in PRECISIONS[name]]
            elsewhere = f"; {self.precision} is had with {', '.join(having)}" if having else ""
            raise UserError(f"--format {self.format} comes in {self._known()}, not "
                            f"'{self.precision}'{elsewhere}")
        if self.opset not in OPSETS:
            raise UserError(f"--opset {self.opset} is not between {OPSETS[0]} and {OPSETS[-1]}")
        if self.format == "torch" and (self.dynamic or self.loop or self.opset != OPSET):
            raise UserError("--format torch has no ONNX graph, so --dynamic, --loop and --opset do "
                            "not go with it")
        if self.dynamic and (self.format in ENGINES or self.loop or self.precision != "fp32"):
            raise UserError("--dynamic goes with --format onnx or openvino in fp32, written out")
        if self.loop and self.precision != "fp32":
            raise UserError(f"--loop goes with fp32, not '{self.precision}': precisions are "
                            "changed node by node, and a loop's body is one node")
        if self.format in ENGINES and target.compute_capability is None:
            raise UserError(f"--format {self.format} is for GPUs, and '{target.name}' is none")

    def _known(self) -> str:
        return ", ".join(PRECISIONS[self.format])

    @property
    def runtime(self) -> str:
        """What executes it."""
        return RUNTIMES[self.format]
