"""Does the service lose, repeat or spoil a job when its processes are killed?

    python -m benchmarks.service_kills --kills 30
    python -m benchmarks.service_kills --kills 30 --searches 6 --every 12 --minutes 60

Eight jobs (``--jobs``) wait or run at any time, while the server, one of the workers, or both at
once are killed by ``kill -9`` at random moments and begun again. Two of the three workers contend
for one device. Every job must have ended exactly once, by its leases, its events and its results;
what it hands over must be that of an undisturbed one; no two leases of a device or a job may
overlap by the database, no two processes of a device or a job by what toy jobs noted while they
ran; and nothing may be left running. Toy jobs keep a journal as searches do; with ``--searches``
they are searches, whose scores and winners must equal those of undisturbed ones to the last bit.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import _arguments
from luts import cli
from luts.errors import UserError
from luts.files import write_json

if TYPE_CHECKING:
    from benchmarks._killed_jobs import Jobs
    from benchmarks._service import Process, Site
    from evolution.client import Client

_FAILED = 1


def main(
    kills: Annotated[int, typer.Option(min=1, help="Moments at which is killed.")] = 30,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between kills, mean.")] = 4.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a toy job, 0.05 s each.")] = 60,
    searches: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Searches of N evaluations instead of "
                                 "toy jobs.")
    ] = None,
    at_once: Annotated[
        int, typer.Option("--jobs", min=1, help="Jobs that wait or run at any time.")
    ] = 8,
    workers: _arguments.Workers = 3,
    devices: _arguments.Devices = 2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of moments and victims.")] = 0,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Time behind the last kill after which it is given up.")
    ] = 20,
    out: _arguments.FiguresFile = None,
) -> int:
    """Kills processes of a service at random moments, and looks at what became of its jobs."""
    from benchmarks._killed_jobs import SearchJobs, ToyJobs
    from benchmarks._service import LEASE_S, TOY_LOG, Site, await_ended
    from benchmarks._service_verdict import doubles, not_once, outcomes, overlaps, still_running

    if devices > workers:
        raise UserError(f"--devices {devices}: there are {workers} workers to serve them")
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="metronas-kills-") as name:
        folder = Path(name)
        jobs: Jobs = ToyJobs(steps) if searches is None else SearchJobs(searches, folder)
        # Searches keep the processors busy, and heartbeats late.
        site = Site(folder, workers, devices, LEASE_S if searches is None else 4 * LEASE_S,
                    toys=searches is None)
        with site.running() as client:
            numbers, killed, at_work = _disturb(site, client, jobs, at_once, kills, every,
                                                random.Random(seed))
            left = await_ended(client, numbers, 60 * minutes)
            wrong = [f"job {number} has not ended" for number in left]
            wrong += [said for number in numbers if number not in left
                      and (said := jobs.wrong(client, number, folder))]
        wrong += not_once(site.data, numbers)
        doubled, processes = doubles(folder / TOY_LOG)
        figures: dict[str, Any] = {
            "killed": killed, "jobs_running_when_killed": at_work, "jobs": len(numbers),
            "leases": outcomes(site.data), "wrong": wrong, "overlaps": overlaps(site.data),
            "doubles": doubled, "processes_of_jobs": processes,
            "left_running": still_running(name), "seconds": round(time.monotonic() - began_s)}
    print(figures)
    if out is not None:
        write_json(out, figures)
    bad = wrong or doubled or figures["overlaps"] or figures["left_running"]
    return _FAILED if bad else 0


def _disturb(site: Site, client: Client, jobs: Jobs, at_once: int, kills: int, every: float,
             dice: random.Random) -> tuple[list[int], dict[str, int], list[int]]:
    """Numbers of all jobs, how often what was killed, and how many jobs ran at each kill."""
    from benchmarks._service import has_ended

    numbers: list[int] = []
    unfinished: list[int] = []
    at_work: list[int] = []
    killed = {"server": 0, "worker": 0, "both": 0}
    for count in range(kills):
        unfinished = [number for number in unfinished if not has_ended(client, number)]
        more = [jobs.submit(client) for _ in range(at_once - len(unfinished))]
        numbers, unfinished = numbers + more, unfinished + more
        time.sleep(dice.expovariate(1 / every))
        at_work.append(sum(client.job(number)["state"] == "running" for number in unfinished))
        killed[_kill(site, dice)] += 1
        print(f"kill {count + 1} of {kills}: {killed}, {len(numbers)} jobs", flush=True)
    return numbers, killed, at_work


def _kill(site: Site, dice: random.Random) -> str:
    worker = dice.choice(site.workers)
    victims: list[Process] = dice.choice([[site.server], [worker], [worker], [site.server, worker]])
    for victim in victims:
        victim.kill()
    time.sleep(dice.uniform(0, 1))
    for victim in victims:
        victim.start()
    if site.server in victims:
        site.await_ready()
    return "both" if len(victims) > 1 else "server" if site.server in victims else "worker"


if __name__ == "__main__":
    cli.run(main)
