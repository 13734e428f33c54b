"""Command line: measures a device's library of operators inside random networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luts import arguments, cli


def main(
    *,
    device: Annotated[str, typer.Option(help="Device to measure: cpu.")],
    threads: arguments.OperatorThreads = 1,
    networks: Annotated[int, typer.Option(min=1, help="Random networks to measure.")] = 600,
    budget_minutes: Annotated[
        float, typer.Option(min=0.01, help="Time of this sitting; it ends with what there is.")
    ] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the networks.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the library. Default: where estimates look.")
    ] = None,
    resume: arguments.ResumeCampaign = False,
    force: Annotated[
        bool, typer.Option("--force", help="Discard the campaign or library that lies there.")
    ] = False,
    wait: arguments.Wait = 0.0,
) -> None:
    """Measures operators of all sorts inside random networks, for estimates of any model.

    For instance:

        python -m profiler.build_library --device cpu

        python -m profiler.build_library --device cpu --threads 2 --budget-minutes 15

        python -m profiler.build_library --device cpu --resume
    """
    import time

    from luts.errors import UserError
    from luts.library import library_folder
    from profiler.device import check_threads, resolve_device
    from profiler.lock import device_lock
    from profiler.runtimes import load_runtime
    from profiler.settings import Settings

    target = resolve_device(device)
    check_threads(threads)
    if resume and force:
        raise UserError("--resume continues a campaign and --force discards it; give one of them")
    if target.kind != "cpu":
        raise UserError(f"--device {device}: libraries are measured on cpu with onnxruntime so far")
    runtime = load_runtime("onnxruntime", "fp32", device)

    from profiler._display import progress
    from profiler.library._display import show_library
    from profiler.library.campaign import (
        CANARY_EVERY,
        CANARY_RULE,
        LIBRARY_RULE,
        LibraryCampaign,
    )

    # On a busy machine waiting must leave time to measure.
    patience_s = min(120.0, 60 * budget_minutes / 4)
    settings = Settings(target.name, threads=threads, rule=LIBRARY_RULE, profiled_runs=4,
                        patience_s=patience_s,
                        canary_rule=CANARY_RULE, canary_every=CANARY_EVERY)
    folder = out or library_folder(target.name, runtime.name, "fp32", threads)
    campaign = LibraryCampaign(runtime, folder, settings=settings, networks=networks, seed=seed)
    start = time.monotonic()
    with device_lock(target.name, wait_s=wait), progress() as report:
        library = campaign.run(budget_s=60 * budget_minutes, resume=resume, force=force,
                               report=report)
    show_library(library, str(folder), time.monotonic() - start)


if __name__ == "__main__":
    cli.run(main, resumable=True)
