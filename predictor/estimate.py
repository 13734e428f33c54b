"""Command line, and callable module: estimates the latency of any model on a target.

``predictor.estimate(module, example_input, target="cpu")`` calls
`predictor.estimation.api.estimate`.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luts import arguments, cli

if TYPE_CHECKING:
    from predictor._estimate_record import Estimate


class _CallableModule(types.ModuleType):
    """The command's module shares its name with the function that users call."""

    def __call__(self, *args: Any, **options: Any) -> Estimate:
        """See `predictor.estimation.api.estimate`."""
        from predictor.estimation.api import estimate

        return estimate(*args, **options)


sys.modules[__name__].__class__ = _CallableModule


def main(
    model: Annotated[Path, typer.Argument(help="ONNX file.")],
    *,
    target: Annotated[str, typer.Option(help="Target, such as cpu.")] = "cpu",
    threads: arguments.OperatorThreads = 1,
    precision: arguments.Precision = "fp32",
    shapes: Annotated[
        list[str] | None,
        typer.Option("--input", "--input-shape",
                     help="Shape of an input with free axes: NAME:1x3x224x224."),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, help="So many times the model's inputs, on unmeasured GPUs.")
    ] = 1,
    level: Annotated[
        float, typer.Option(help="Share of models whose latency the interval must hold.")
    ] = 0.95,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse kinds of operators that were never measured.")
    ] = False,
    accept_estimate: Annotated[
        bool,
        typer.Option("--accept-estimate", help="Take a target that nothing was measured on."),
    ] = False,
    operators: Annotated[int, typer.Option(min=0, help="Operators to print; 0 prints all.")] = 15,
    as_json: arguments.AsJson = False,
) -> None:
    """Estimates a model's latency from operators that were measured in other networks.

    Needs the target's library once: python -m profiler.build_library --device cpu

    GPUs such as rtx3090 are estimated from published measurements and their data sheet.

    For instance:

        python -m predictor.estimate model.onnx --target cpu

        python -m predictor.estimate model.onnx --input image:1x3x224x224 --threads 2

        python -m predictor.estimate model.onnx --strict --json

        python -m predictor.estimate model.onnx --target rtx3090 --precision fp16 --batch 8
    """
    import os

    # Read by numeric libraries when they load; spinning threads would fight for the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from luts.errors import UserError
    from luts.target import load_target

    load_target(target)
    if not model.is_file():
        raise UserError(f"no model file '{model}'")

    from predictor.estimation.api import estimate
    from profiler.reading import parse_inputs

    found = estimate(model, target=target, threads=threads, precision=precision,
                     inputs=parse_inputs(shapes or []), strict=strict, level=level,
                     batch=batch, accept_estimate=accept_estimate,
                     say=lambda text: print(text, file=sys.stderr, flush=True))
    if found.unknown_kinds:
        print(f"warning: no operator of kind {', '.join(found.unknown_kinds)} was ever measured "
              "here; they are guessed, and the upper bound is wide", file=sys.stderr)
    if as_json:
        print(found.model_dump_json(indent=2))
        return

    from predictor._estimate_view import show

    show(found, operators)


if __name__ == "__main__":
    cli.run(main)
