"""Command line: takes jobs of a service for one device of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from evolution import arguments
from luts import cli


def main(
    *,
    device: Annotated[str, typer.Option(help="Device that it serves: cpu, or cuda:0.")],
    server: Annotated[str, typer.Option(help="URL of the service.")] = "http://127.0.0.1:8080",
    token: arguments.WorkerToken = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder of its jobs [metronas-work/DEVICE].")
    ] = None,
    machine: Annotated[
        str | None, typer.Option(help="Name of this machine for people [its host name].")
    ] = None,
    scorers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Architectures of a search that are scored at once. "
                     "Changes no score. Default: 1; with --ray, one for each processor of the "
                     "cluster."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Ray cluster that scores the architectures of "
                     "searches, such as 10.0.0.1:6379; local starts one on this machine. Needs the "
                     "extra 'scale'."),
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds for which an absent server is awaited.")
    ] = 86400.0,
) -> None:
    """Takes one job after the other for a device, until it is stopped.

    A job runs as a command in a folder of its own. When this worker or the server dies, nothing is
    lost: the command is stopped, and goes on from its journal when the worker is back. Ctrl-C gives
    the job back to the queue.

    For instance:

        python -m evolution.worker --device cpu

        METRONAS_TOKEN=mn_... python -m evolution.worker --device cuda:0 --server http://queue:8080

        python -m evolution.worker --device cpu --ray 10.0.0.1:6379 --scorers 5
    """
    import os
    import re
    import signal
    import socket
    from functools import partial

    import psutil

    from evolution.pools.ray import is_reachable
    from evolution.provenance import versions
    from evolution.service.jobs.commands import Means, build
    from evolution.service.logs import log_as_json
    from evolution.service.worker.link import Link, check_server
    from evolution.service.worker.loop import Worker
    from luts.errors import UserError
    from luts.files import safe_name
    from profiler.device import resolve_device

    check_server(server)
    target = resolve_device(device)
    if not re.fullmatch(r"cpu|cuda:\d{1,3}", device):
        raise UserError(f"--device '{device}' must be cpu, or cuda:0 or another number")
    if ray is not None:
        _check_cluster(ray)
    folder = work or Path("metronas-work") / device.replace(":", "-")
    registration: dict[str, Any] = {
        "machine": safe_name(machine or socket.gethostname(), "machine"), "device": device,
        "target": target.name, "version": versions().get("metronas", "unknown"),
        "info": {"title": target.title, "cores": os.cpu_count(),
                 "memory_gb": round(psutil.virtual_memory().total / 1e9, 1)}}
    log_as_json()
    # Its own device is the only one that a command sees.
    means = Means("cpu" if device == "cpu" else "cuda:0", scorers, ray)
    worker = Worker(Link(server, token, patience), folder, registration,
                    partial(build, means=means), lambda: ray is None or is_reachable(ray),
                    lambda: _findings(device))

    def stop(*_: object) -> None:
        worker.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.run()


def _findings(device: str) -> list[dict[str, str]]:
    """What `profiler.doctor` has to object to."""
    from profiler._clock import SystemClock
    from profiler._diagnosis import diagnose
    from profiler._system import System

    gpu = None if device == "cpu" else int(device.partition(":")[2])
    return [{"check": finding.check, "state": finding.state, "found": finding.found[:300]}
            for finding in diagnose(System(), SystemClock(), gpu=gpu)
            if finding.state in ("bad", "warn")]


def _check_cluster(address: str) -> None:
    import re

    from evolution.pools.base import LOCAL
    from evolution.pools.ray import check_ray, check_reachable
    from luts.errors import UserError

    if address != LOCAL and not re.fullmatch(r"(ray://)?[A-Za-z0-9._-]+:\d{1,5}", address):
        raise UserError(f"--ray '{address}' must be '{LOCAL}', or such as 10.0.0.1:6379 or "
                        "ray://10.0.0.1:10001")
    check_ray(address)
    check_reachable(address)


if __name__ == "__main__":
    cli.run(main)
