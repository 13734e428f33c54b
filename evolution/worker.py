"""Command line: takes jobs of a service for one device of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from luts import cli


def main(
    *,
    device: Annotated[str, typer.Option(help="Device that it serves: cpu, or cuda:0.")],
    server: Annotated[str, typer.Option(help="URL of the service.")] = "http://127.0.0.1:8080",
    token: Annotated[
        str | None,
        typer.Option(envvar="METRONAS_TOKEN", help="Token of role worker; better in the "
                     "environment than on the command line."),
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder of its jobs [metronas-work/DEVICE].")
    ] = None,
    machine: Annotated[
        str | None, typer.Option(help="Name of this machine for people [its host name].")
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
    """
    import os
    import re
    import signal
    import socket

    import psutil

    from evolution.provenance import versions
    from evolution.service.logs import log_as_json
    from evolution.service.worker.link import Link
    from evolution.service.worker.loop import Worker
    from luts.errors import UserError
    from luts.files import safe_name
    from profiler.device import resolve_device

    if not re.fullmatch(r"https?://[^/\s?#]+/?", server):
        raise UserError(f"--server '{server}' must be such as http://queue:8080")
    target = resolve_device(device)
    if not re.fullmatch(r"cpu|cuda:\d{1,3}", device):
        raise UserError(f"--device '{device}' must be cpu, or cuda:0 or another number")
    folder = work or Path("metronas-work") / device.replace(":", "-")
    registration: dict[str, Any] = {
        "machine": safe_name(machine or socket.gethostname(), "machine"), "device": device,
        "target": target.name, "version": versions().get("metronas", "unknown"),
        "info": {"title": target.title, "cores": os.cpu_count(),
                 "memory_gb": round(psutil.virtual_memory().total / 1e9, 1)}}
    log_as_json()
    worker = Worker(Link(server, token, patience), folder, registration)

    def stop(*_: object) -> None:
        worker.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.run()


if __name__ == "__main__":
    cli.run(main)
