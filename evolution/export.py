"""Files that are handed over: ONNX and safetensors; as a command, a bundle for a device."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
import typer

from luts import cli
from luts.errors import UserError
from luts.files import atomic_path

if TYPE_CHECKING:
    import torch

    from evolution.bundle.manifest import Manifest
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
    from supernet.tensors import save_tensors

    save_tensors(
        path, {name: value.contiguous() for name, value in network.state_dict().items()}, metadata)


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


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    *,
    form: Annotated[
        str, typer.Option("--format", help="onnx, openvino, tensorrt, tensorrt-rtx or torch.")
    ] = "onnx",
    precision: Annotated[str, typer.Option(help="fp32, fp16, bf16 or int8.")] = "fp32",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the bundle. Default: RUN-FORMAT-PRECISION.")
    ] = None,
    opset: Annotated[int, typer.Option(help="Opset of the ONNX graph.")] = 17,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Leave height and width free (multiples of 8).")
    ] = False,
    loop: Annotated[
        bool, typer.Option("--loop", help="Write the updates as an ONNX Loop, not one by one.")
    ] = False,
    point: Annotated[
        int | None,
        typer.Option(min=1, help="Number of a scored architecture to export instead of the winner, "
                     "with the weights that it was scored with."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Folder of the training that the run used, for --point. Default: the "
                     "weights that ship with the package."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Where the images that the run was scored on lie now. Default: where "
                     "they were."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a bundle that is there.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print bundle.json and the bundle's place.")
    ] = False,
) -> None:
    """Writes the winner of a run as a bundle that is carried to its device.

    It holds the model, what inputs must look like, golden inputs and outputs, the latency that is
    expected, checksums, and verify.py, which settles on the device whether the budget is kept.

    For instance:

        python -m evolution.export runs/quickstart

        python -m evolution.export runs/quickstart --precision int8 --out handover

        python -m evolution.export runs/flownas-small-rtx3090-0 --format tensorrt-rtx

        python -m evolution.export runs/quickstart --point 17 --out another
    """
    from evolution.bundle.choice import Choice
    from evolution.bundle.write import export_bundle

    choice = Choice(form, precision, opset, dynamic, loop)
    if point is None:
        if weights is not None:
            raise UserError(f"--weights '{weights}' goes with --point; the winner's weights lie in "
                            "the run")
        out = out or run.resolve().parent / f"{run.resolve().name}-{form}-{precision}"
        manifest = export_bundle(run, choice, out, replace=replace, data=data)
    else:
        from evolution.bundle.point import write_point

        out = out or run.resolve().parent / f"{run.resolve().name}-{point}-{form}-{precision}"
        with tempfile.TemporaryDirectory(prefix="metronas-point-") as name:
            write_point(run, point, weights, Path(name))
            manifest = export_bundle(Path(name), choice, out, replace=replace, data=data)
    if as_json:
        print(json.dumps({"bundle": str(out), **manifest.model_dump(mode="json")}, indent=2))
    else:
        _show(out, manifest)


def _show(out: Path, manifest: Manifest) -> None:
    found, told = manifest.checked, manifest.expected
    figures = ", ".join(f"{name} {value:.4f} (PyTorch {found.torch_metrics[name]:.4f})"
                        for name, value in found.metrics.items())
    print(f"{out}: {manifest.model.file} in {manifest.model.precision} for {manifest.target}")
    print(f"from PyTorch in fp32: {found.largest_difference:.2g} of the largest output, "
          f"{found.mean_difference:.2g} in the mean; {figures}; by {found.on}")
    if told.latency_ms is None:
        print(f"its latency is unknown: {told.of}")
    else:
        print(f"expected latency ({told.basis}; {told.of}): {told.latency_ms:.3f} ms, between "
              f"{told.low_ms:.3f} and {told.high_ms:.3f} ms; budget {manifest.budget_ms:.3f} ms")
    if manifest.model.parsed_back:
        print(f"engine: {manifest.model.parsed_back}")
    print(f"settle it on the device with: python {out}/verify.py")


if __name__ == "__main__":
    cli.run(main)
