"""Jobs whose processes are killed: toys that keep a journal, or searches."""

from __future__ import annotations

import abc
from pathlib import Path

from benchmarks._same_found import Found
from benchmarks._same_runs import Searches
from benchmarks._service_verdict import what_is_wrong
from evolution.client import Client


class Jobs(abc.ABC):
    """One kind of job: asked for, and judged when it has ended."""

    @abc.abstractmethod
    def submit(self, client: Client) -> int:
        """Asks for the next one; returns its number."""

    @abc.abstractmethod
    def wrong(self, client: Client, number: int, folder: Path) -> str:
        """What is wrong with a job that has ended; empty where nothing is."""


class ToyJobs(Jobs):
    """Jobs that add a line to a journal at every step.

    Args:
        steps: how many.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def submit(self, client: Client) -> int:
        """See `Jobs`."""
        number: int = client.submit("train", steps=self._steps, seed=0)["id"]
        return number

    def wrong(self, client: Client, number: int, folder: Path) -> str:
        """See `Jobs`."""
        return what_is_wrong(client, number, self._steps, folder)


class SearchJobs(Jobs):
    """Searches for a device that is estimated, so that nothing measured can make a difference.

    Args:
        evaluations: architectures that each scores.
        folder: where one undisturbed search of each seed is made first.
    """

    _TARGET, _SEEDS = "rtx3090", 2

    def __init__(self, evaluations: int, folder: Path) -> None:
        self._evaluations, self._asked = evaluations, 0
        self._wanted = []
        for seed in range(self._SEEDS):
            searches = Searches(["--target", self._TARGET, "--evaluations", str(evaluations),
                                 "--seed", str(seed)], folder)
            seconds = searches.finish(f"undisturbed-{seed}")
            print(f"undisturbed search of seed {seed}: {seconds:.1f} s", flush=True)
            self._wanted.append(Found.of(folder / f"undisturbed-{seed}"))

    def submit(self, client: Client) -> int:
        """See `Jobs`."""
        seed = self._asked % self._SEEDS
        self._asked += 1
        number: int = client.submit("search", target=self._TARGET, seed=seed,
                                    evaluations=self._evaluations)["id"]
        return number

    def wrong(self, client: Client, number: int, folder: Path) -> str:
        """See `Jobs`."""
        job = client.job(number)
        if job["state"] != "done":
            return f"job {number} is {job['state']}: {job['message']}"
        client.download(number, folder / f"got-{number}")
        found = Found.of(folder / f"got-{number}" / "run")
        wanted = self._wanted[job["parameters"]["seed"]]
        if (found.winner, found.scores) != (wanted.winner, wanted.scores):
            return f"job {number} has other scores or another winner"
        return ""
