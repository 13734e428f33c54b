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
    from benchmarks._service import Site, has_ended, overlaps, still_running, what_is_wrong

    dice = random.Random(seed)
    until_s = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="metronas-kills-") as name:
        site = Site(Path(name), workers)
        numbers: list[int] = []
        killed = {"server": 0, "worker": 0}
        with site.running() as client:
            while sum(killed.values()) < kills:
                if all(has_ended(client, number) for number in numbers):
                    numbers += [client.submit("train", steps=steps, seed=0)["id"]
                                for _ in range(JOBS)]
                time.sleep(dice.expovariate(1 / every))
                killed[_kill(site, dice)] += 1
            while time.monotonic() < until_s and not all(has_ended(client, n) for n in numbers):
                time.sleep(0.5)
            wrong = [said for number in numbers if (said := what_is_wrong(client, number, steps,
                                                                   Path(name)))]
            leases = sum(client.job(number)["attempts"] for number in numbers)
        figures: dict[str, Any] = {
            "killed": killed, "jobs": len(numbers), "leases": leases, "wrong": wrong,
            "overlaps": overlaps(site.data), "left_running": still_running(name)}
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


if __name__ == "__main__":
    cli.run(main)
