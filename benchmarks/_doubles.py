"""Watches for jobs that run in two places at once."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path

import psutil

_LOOK_S = 0.1


class Doubles:
    """Looks all the while whether a job runs in the folders of two workers at the same moment.

    Attributes:
        found: jobs for which that was seen.
        looks: how often it looked.

    Args:
        folder: that holds the workers' folders.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._end = folder, threading.Event()
        self.found: list[str] = []
        self.looks = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(_LOOK_S):
            places = defaultdict(set)
            for process in psutil.process_iter(["cmdline", "cwd", "status"]):
                said = process.info
                if ("benchmarks._toy_job" in (said["cmdline"] or ())
                        and (said["cwd"] or "").startswith(str(self._folder))
                        and said["status"] != psutil.STATUS_ZOMBIE):
                    place = Path(said["cwd"])
                    places[place.name].add(place.parent.name)
            self.found += [job for job, workers in places.items() if len(workers) > 1]
            self.looks += 1

    def close(self) -> None:
        """Stops looking."""
        self._end.set()
        self._thread.join()
