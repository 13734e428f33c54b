"""Command line: times an ONNX model end to end and layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luts import arguments, cli


def main(
    model: Annotated[Path, typer.Argument(help="ONNX file with fixed input shapes.")],
    *,
    target: arguments.MeasuredTarget = "cpu",
    threads: arguments.OperatorThreads = 1,
    runtime: Annotated[
        str | None, typer.Option(help="Runtime. Default: the target's best one here.")
    ] = None,
    precision: arguments.Precision = "fp32",
    min_samples: Annotated[
        int, typer.Option(min=3, help="Undisturbed inferences needed at least.")
    ] = 30,
    max_seconds: Annotated[
        float, typer.Option(min=0.1, help="Time after which sampling ends in any case.")
    ] = 5.0,
    layers: Annotated[int, typer.Option(min=0, help="Layers to print; 0 prints all.")] = 20,
    as_json: arguments.AsJson = False,
    html: Annotated[
        Path | None, typer.Option(help="File for a page with pictures.", dir_okay=False)
    ] = None,
    wait: arguments.Wait = 0.0,
) -> None:
    """Times a model as campaigns do: warmed up, enough samples, disturbed ones thrown away.

    For instance:

        python -m profiler.measure model.onnx

        python -m profiler.measure model.onnx --threads 2 --layers 0 --html model.html

        python -m profiler.measure model.onnx --json > before.json
    """
    from luts.errors import UserError
    from luts.files import writable_folder
    from profiler.device import check_threads
    from profiler.lock import device_lock
    from profiler.timing import runtime_for

    check_threads(threads)
    if not model.is_file():
        raise UserError(f"no model file '{model}'")
    chosen = runtime_for(target, precision, runtime)
    if html is not None:
        writable_folder(html.parent)

    from profiler.layers import measure_layers
    from profiler.settings import StoppingRule

    rule = StoppingRule(min_samples=min_samples, max_samples=max(2000, min_samples),
                        min_seconds=min(1.0, max_seconds), max_seconds=max_seconds)
    with device_lock(target, wait_s=wait):
        found = measure_layers(model, chosen, target=target, threads=threads,
                               precision=precision, rule=rule)
    if html is not None:
        from profiler._measure_page import write_page

        write_page(html, found)
    if as_json:
        print(found.model_dump_json(indent=2))
        return

    from profiler._measure_view import show

    show(found, layers, rule, html)


if __name__ == "__main__":
    cli.run(main)
