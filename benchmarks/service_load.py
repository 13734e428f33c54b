"""What the service bears: clients that submit and poll all the while.

    python -m benchmarks.service_load --clients 20 --seconds 300

Every client submits a toy job and polls it until it has ended, again and again, beside workers that
carry the jobs out. Prints requests a second, latencies of requests, errors, and the server's memory
at the start and at the end; two leases of a device must never overlap.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from luts import cli
from luts.errors import UserError
from luts.files import write_json

_FAILED = 1
_SETTLED = 0.2


def main(
    clients: Annotated[int, typer.Option(min=1, help="Clients at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 300.0,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between a client's polls.")] = 0.2,
    workers: Annotated[int, typer.Option(min=1, help="Workers, each with its own device.")] = 2,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> int:
    """Requests a second, their latencies, errors and memory under many clients."""
    import psutil

    from benchmarks._service import Site, overlaps

    taken_ms: list[float] = []
    errors: list[str] = []
    memory_mb: list[float] = []
    with tempfile.TemporaryDirectory(prefix="metronas-load-") as name:
        site = Site(Path(name), workers, lease_s=10.0)
        with site.running() as client:
            until_s = time.monotonic() + seconds
            threads = [threading.Thread(target=_client, args=(
                site.url, until_s, pause, taken_ms, errors)) for _ in range(clients)]
            for thread in threads:
                thread.start()
            server = psutil.Process(site.server.popen.pid)
            while any(thread.is_alive() for thread in threads):
                memory_mb.append(server.memory_info().rss / 1e6)
                time.sleep(1.0)
            jobs = client.list("jobs", limit=500)
            done = sum(job["state"] == "done" for job in jobs)
        twice = overlaps(site.data)
    settled = memory_mb[int(_SETTLED * len(memory_mb)):]
    figures: dict[str, Any] = {
        "clients": clients, "seconds": seconds, "requests": len(taken_ms),
        "requests_per_s": len(taken_ms) / seconds,
        "p50_ms": float(np.percentile(taken_ms, 50)), "p99_ms": float(np.percentile(taken_ms, 99)),
        "errors": len(errors), "first_error": errors[0] if errors else "",
        "memory_mb": {"settled": settled[0], "end": settled[-1], "most": max(memory_mb)},
        "jobs_done_of_last_500": done, "overlaps": twice}
    print(figures)
    if out is not None:
        write_json(out, figures)
    return _FAILED if errors or twice else 0


def _client(url: str, until_s: float, pause: float, taken_ms: list[float], errors: list[str]
            ) -> None:
    from evolution.client import Client

    with Client(url) as client:
        while time.monotonic() < until_s:
            try:
                job = _timed(lambda: client.submit("train", steps=1, seed=0), taken_ms)
                while job["state"] in ("queued", "running") and time.monotonic() < until_s:
                    time.sleep(pause)
                    number = job["id"]
                    job = _timed(lambda number=number: client.job(number), taken_ms)
            except UserError as error:
                errors.append(str(error))
                time.sleep(pause)


def _timed(ask: Any, taken_ms: list[float]) -> Any:
    began_s = time.perf_counter()
    answer = ask()
    taken_ms.append(1000 * (time.perf_counter() - began_s))
    return answer


if __name__ == "__main__":
    cli.run(main)
