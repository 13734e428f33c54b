"""Predictors against plain ones on public data that this project did not measure.

    python -m benchmarks.public_latency
    python -m benchmarks.public_latency --only nb201 --only few_shot

The folder of data is ``--data`` or ``$METRONAS_DATA``; every part needs its subfolder only.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import _arguments
from benchmarks._public import data_folder
from luts import cli
from luts.errors import UserError
from luts.files import writable_folder, write_json

PARTS = ("nb201", "few_shot", "operators", "operators_sample", "hat")


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Part to run, of {', '.join(PARTS)}; repeat.")
    ] = None,
    data: _arguments.PublicData = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions with other samples.")] = 1,
    out: _arguments.JsonFile = Path("runs/public_latency.json"),
) -> None:
    """Prints the tables and writes all figures."""
    chosen = tuple(only) if only else PARTS
    for part in chosen:
        if part not in PARTS:
            raise UserError(f"no part '{part}'; there are: {', '.join(PARTS)}")
    folder = data_folder(data)
    writable_folder(out.parent)
    found: dict[str, Any] = {}
    for part in chosen:
        started = time.monotonic()
        found[part] = _run(part, folder, seeds)
        seconds = round(time.monotonic() - started, 1)
        print(f"{part}: {seconds} s", flush=True)
        write_json(out, {"seeds": seeds, **found})


def _run(part: str, folder: Path, seeds: int) -> dict[str, Any]:
    if part in ("nb201", "few_shot"):
        from benchmarks import _public_cells

        cells = folder / "nb201"
        if part == "nb201":
            return _public_cells.sample_of_one_device(cells, seeds)
        # So few cells vary much from draw to draw.
        return _public_cells.few_shots(cells, 3 * seeds)
    if part == "hat":
        from benchmarks._public_drift import under_drift

        return under_drift(folder / "hat_transformer", seeds)
    operators = folder / "neusight_operators"
    if part == "operators":
        from benchmarks._public_operators import leave_one_gpu_out

        return leave_one_gpu_out(operators)
    from benchmarks._public_sample import sample_of_one_gpu

    return sample_of_one_gpu(operators)


if __name__ == "__main__":
    cli.run(main)
