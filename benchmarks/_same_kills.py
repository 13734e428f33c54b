"""What is done to searches, and whether each still finds what an undisturbed one did."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import numpy as np

from benchmarks._same_found import Found
from benchmarks._same_runs import WORKERS, Life, Searches
from luts.errors import UserError
from luts.files import Journal

# Searches beyond those that the kills need: one can end before its moments.
_SPARE = 5
# Numbers of searches whose moments are drawn apart from those of others.
_APART = 1000

Row = dict[str, Any]


class Comparison:
    """Compares searches with a first one; each comparison is on disk before the next begins.

    Attributes:
        life: how long an undisturbed search took.

    Args:
        searches: starts them.
        journal: keeps the first one's finding, and all comparisons.
        seed: of the moments.
        evaluations: architectures that each search scores.
    """

    def __init__(
        self, searches: Searches, journal: Journal, seed: int, evaluations: int
    ) -> None:
        self.searches = searches
        self.life = Life(0.0, 0.0)
        self._journal = journal
        self._seed = seed
        self._evaluations = evaluations
        self._wanted: Row = {}

    @property
    def rows(self) -> list[Row]:
        """All comparisons so far."""
        return [record for record in self._journal.records if "search" in record]

    def twice(self) -> None:
        """The first search, which all are compared with, and one just like it."""
        known = next((r for r in self._journal.records if "first" in r), None)
        if known is None:
            life = self.searches.finish("first")
            found = Found.of(self.searches.root / "first").as_json()
            self._journal.append({"first": found, "life": [life.seconds, life.first_s]})
            known = self._journal.records[-1]
        self._wanted = known["first"]
        again = self._compared("again", self._undisturbed)
        # The first one also reads everything from the disk for the first time.
        self.life = Life(*min(known["life"], again["life"]))

    def killed(self, kills: int, each: int) -> None:
        """Searches that are killed at moments of their lives.

        Args:
            kills: moments of all of them together.
            each: moments of one.

        Raises:
            UserError: they ended before their moments.
        """
        done, number = 0, 0
        while done < kills:
            number += 1
            if number > ceil(kills / each) + _SPARE:
                raise UserError(f"{number - 1} searches ended before {kills} moments at which they "
                                "were to be killed; give more --evaluations")
            row = self._compared(f"killed {number}", self._killing(number, min(each, kills - done)))
            done += len(row["killed_after_s"])

    def with_workers(self, *, ray: bool) -> None:
        """With two processes that score, and with two workers one of which is killed.

        Raises:
            UserError: searches ended before they could be disturbed.
        """
        workers = ("--workers", "2")
        self._compared("2 processes", lambda name: self._undisturbed(name, *workers))
        for attempt in range(1, _SPARE + 1):
            row = self._compared(f"2 processes, killed ({attempt})",
                                 self._killing(_APART + attempt, 1, *workers))
            if row["killed_after_s"]:
                break
        else:
            raise UserError(f"{_SPARE} searches with 2 processes ended before the moment at which "
                            "they were to be killed; give more --evaluations")
        middle = int(np.random.default_rng(self._seed).integers(1, self._evaluations // 2))
        losses: dict[str, list[str]] = {"processes": []}
        if ray:
            losses["ray"] = ["--ray", "local"]
        for pool, more in losses.items():

            def lost(name: str, pool: str = pool, more: Sequence[str] = more) -> Row:
                count = self.searches.lose_worker(name, WORKERS[pool], middle, *workers, *more)
                return {"scored_before": count}

            self._compared(f"2 workers ({pool}), one killed", lost)

    def _compared(self, name: str, carry_out: Callable[[str], Row]) -> Row:
        known = next((row for row in self.rows if row["search"] == name), None)
        if known is not None:
            return known
        began = time.monotonic()
        row = carry_out(name)
        folder = self.searches.root / name
        found = Found.of(folder).as_json()
        row = {"search": name, **row, "evaluations": len(found["scores"]),
               "scores_equal": found["scores"] == self._wanted["scores"],
               "winner_equal": found["winner"] == self._wanted["winner"],
               "struck": found["struck"], "took_s": round(time.monotonic() - began, 1)}
        if not (row["scores_equal"] and row["winner_equal"]):
            shutil.copytree(folder, self._journal.path.parent / "differs" / name,
                            dirs_exist_ok=True)
        self._journal.append(row)
        print(f"{len(self.rows)}: {name}, {row['took_s']} s", flush=True)
        return row

    def _undisturbed(self, name: str, *more: str) -> Row:
        life = self.searches.finish(name, *more)
        return {"life": [life.seconds, life.first_s]}

    def _killing(self, number: int, kills: int, *more: str) -> Callable[[str], Row]:
        """Kills one search at several moments of its life, and lets it end."""
        def carry_out(name: str) -> Row:
            rng = np.random.default_rng([self._seed, number])
            moments = sorted(rng.uniform(0, self.life.seconds, kills).tolist())
            killed: list[tuple[float, int, int]] = []
            kept_s = 0.0
            for moment_s in moments:
                # It stands again where it was killed when it has started; the rest is its moment's.
                found = self.searches.kill(name, moment_s - kept_s, *more, "--resume")
                if found is None:
                    break
                killed.append((round(moment_s, 2), *found))
                kept_s = max(0.0, moment_s - self.life.first_s)
            else:
                self.searches.finish(name, *more, "--resume")
            return {"killed_after_s": [moment for moment, _, _ in killed],
                    "scored_before": [count for _, count, _ in killed],
                    "orphans": sum(alive for _, _, alive in killed)}

        return carry_out
