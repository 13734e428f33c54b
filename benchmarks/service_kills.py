"""Does the service lose, repeat or spoil a job when its processes are killed?

    python -m benchmarks.service_kills --kills 30

Eight toy jobs, each of which keeps a journal as searches do, are queued; then the server or one of
the workers is killed by ``kill -9`` at random moments and begun again. In the end every job must
have ended exactly once, with the result and the journal of an undisturbed one, and nothing may be
left running. When all jobs have ended before the last kill, eight more are queued.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luts import cli
from luts.files import write_json

if TYPE_CHECKING:
    from benchmarks._service import Site
    from evolution.client import Client

JOBS = 8
_FAILED = 1


def main(
    kills: Annotated[int, typer.Option(min=1, help="Processes to kill.")] = 30,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between kills, mean.")] = 2.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a job, 0.05 s each.")] = 60,
    workers: Annotated[int, typer.Option(min=1, help="Workers, each with its own device.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of moments and victims.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.1, help="Time after which it is given up.")] = 20,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> int:
    """Kills processes of a service at random moments, and looks at what became of its jobs."""
    from benchmarks._service import Site

    dice = random.Random(seed)
    until_s = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="metronas-kills-") as name:
        site = Site(Path(name), workers)
        numbers: list[int] = []
        killed = {"server": 0, "worker": 0}
        with site.running() as client:
            while sum(killed.values()) < kills:
                if all(_ended(client, number) for number in numbers):
                    numbers += [client.submit("train", steps=steps, seed=0)["id"]
                                for _ in range(JOBS)]
                time.sleep(dice.expovariate(1 / every))
                killed[_kill(site, dice)] += 1
            while time.monotonic() < until_s and not all(_ended(client, n) for n in numbers):
                time.sleep(0.5)
            wrong = [said for number in numbers if (said := _wrong(client, number, steps,
                                                                   Path(name)))]
            leases = sum(client.job(number)["attempts"] for number in numbers)
        figures: dict[str, Any] = {
            "killed": killed, "jobs": len(numbers), "leases": leases, "wrong": wrong,
            "overlaps": site.overlaps(), "left_running": _left(name)}
    print(figures)
    if out is not None:
        write_json(out, figures)
    good = not wrong and not figures["overlaps"] and not figures["left_running"]
    return 0 if good else _FAILED


def _kill(site: Site, dice: random.Random) -> str:
    victim = dice.choice([site.server, *site.workers])
    victim.kill()
    time.sleep(dice.uniform(0, 1))
    victim.start()
    if victim is site.server:
        site.await_ready()
        return "server"
    return "worker"


def _ended(client: Client, number: int) -> bool:
    return client.job(number)["state"] in ("done", "failed", "cancelled")


def _wrong(client: Client, number: int, steps: int, folder: Path) -> str:
    """What is wrong with a job; empty where nothing is."""
    job = client.job(number)
    if job["state"] != "done":
        return f"job {number} is {job['state']}: {job['message']}"
    ends = [event for event in client.follow(number)
            if event["event"] == "state" and event["data"]["state"] == "done"]
    if len(ends) != 1:
        return f"job {number} ended {len(ends)} times"
    client.download(number, folder / f"got-{number}")
    training = folder / f"got-{number}" / "training"
    if (training / "result.txt").read_text() != f"sum {sum(range(steps))}\n":
        return f"job {number} has another result"
    if (training / "journal.txt").read_text().split() != [str(step) for step in range(steps)]:
        return f"job {number} left out or repeated a step"
    return ""


def _left(folder: str) -> int:
    """Processes that still run in a folder."""
    import psutil

    return sum(any(folder in part for part in process.info["cmdline"] or ())
               for process in psutil.process_iter(["cmdline"]))


if __name__ == "__main__":
    cli.run(main)
