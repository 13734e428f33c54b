"""What the service bears: clients that submit and poll all the while.

    python -m benchmarks.service_load --clients 20 --seconds 300

Every client submits a toy job and polls it until it has ended, again and again, beside workers that
carry the jobs out, two of the three contending for one device. Prints requests a second, latencies
of requests, errors (a request that succeeds when it is repeated counts as one), and the memory of
server and workers, which must not grow. In the end every job must have ended exactly once; no two
leases of a device may overlap by the database, no two processes by what toy jobs noted themselves.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import cli
from luts.errors import UserError
from luts.files import write_json

if TYPE_CHECKING:
    from benchmarks._service import Site

_FAILED = 1
# Memory is that of the last fifth beside that of the second: the first is for warming up.
_FIFTHS = 5
_GROWTH, _GROWTH_MB = 0.1, 8.0
# Shorter runs say nothing about growth.
_JUDGED_S = 120.0
_REST_S = 180.0


def main(
    clients: Annotated[int, typer.Option(min=1, help="Clients at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=5, help="How long.")] = 300.0,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between a client's polls.")] = 0.2,
    workers: _arguments.Workers = 3,
    devices: _arguments.Devices = 2,
    out: _arguments.FiguresFile = None,
) -> int:
    """Requests a second, their latencies, errors and memory under many clients."""
    from benchmarks._load_client import Taken, start
    from benchmarks._service import TOY_LOG, Site, await_ended
    from benchmarks._service_verdict import doubles, not_once, outcomes, overlaps

    if devices > workers:
        raise UserError(f"--devices {devices}: there are {workers} workers to serve them")
    taken = Taken()
    with tempfile.TemporaryDirectory(prefix="metronas-load-") as name:
        site = Site(Path(name), workers, devices, lease_s=10.0)
        with site.running() as client:
            threads = start(clients, site.url, time.monotonic() + seconds, pause, taken)
            memory = _watch(site, threads)
            left = await_ended(client, taken.jobs, _REST_S)
        wrong = [f"job {number} has not ended" for number in left] + not_once(site.data, taken.jobs)
        doubled, processes = doubles(Path(name) / TOY_LOG)
        leases, twice = outcomes(site.data), overlaps(site.data)
    p50_ms, p99_ms = np.percentile(taken.ms, (50, 99)) if taken.ms else (np.nan, np.nan)
    growth = {who: _growth(taken_mb) for who, taken_mb in memory.items()}
    grew = [who for who, said in growth.items()
            if seconds >= _JUDGED_S and said["grew"] > max(_GROWTH_MB, _GROWTH * said["settled"])]
    figures: dict[str, Any] = {
        "clients": clients, "seconds": seconds, "requests": len(taken.ms),
        "requests_per_s": round(len(taken.ms) / seconds, 1),
        "p50_ms": round(float(p50_ms), 2), "p99_ms": round(float(p99_ms), 2),
        "most_ms": round(max(taken.ms, default=0.0), 2),
        "errors": len(taken.errors), "first_errors": taken.errors[:5], "memory_mb": growth,
        "memory_grew": grew, "jobs": len(taken.jobs), "wrong": wrong, "leases": leases,
        "overlaps": twice, "doubles": doubled, "processes_of_jobs": processes}
    print(figures)
    if out is not None:
        write_json(out, figures)
    good = taken.ms and taken.jobs and not (taken.errors or wrong or twice or doubled or grew)
    return 0 if good else _FAILED


def _watch(site: Site, threads: list[threading.Thread]) -> dict[str, list[float]]:
    """Memory of server and workers in MB, once a second while clients ask.

    Raises:
        UserError: one of them has ended.
    """
    import psutil

    watched = {"server": [psutil.Process(site.server.popen.pid)],
               "workers": [psutil.Process(worker.popen.pid) for worker in site.workers]}
    memory: dict[str, list[float]] = {who: [] for who in watched}
    while any(thread.is_alive() for thread in threads):
        for who, processes in watched.items():
            try:
                memory[who].append(sum(p.memory_info().rss for p in processes) / 1e6)
            except psutil.NoSuchProcess:
                raise UserError(f"of {who} one has ended while clients asked") from None
        time.sleep(1.0)
    return memory


def _growth(taken_mb: list[float]) -> dict[str, Any]:
    """Memory in MB: its median in each fifth of the time, at most, and by how much it grew."""
    fifths = [round(float(np.median(part)), 1) for part in np.array_split(taken_mb, _FIFTHS)
              if part.size]
    settled = fifths[min(1, len(fifths) - 1)]
    return {"fifths": fifths, "settled": settled, "most": round(max(taken_mb), 1),
            "grew": round(fifths[-1] - settled, 1)}


if __name__ == "__main__":
    cli.run(main)
