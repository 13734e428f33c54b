"""What pools of workers share: who does what, and what happens when one dies."""

from __future__ import annotations

import abc
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evolution.pools.base import Job, Maker, Pool, PoolOptions, Scored, score
from luts.errors import UserError

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource

# An architecture that kills its workers, for want of memory say, would kill the next one too.
_LOSSES_OF_A_JOB = 3
# Workers that all die before they score anything will not do better by another try.
_LOSSES_IN_A_ROW_PER_WORKER = 3


class WorkerDiedError(Exception):
    """A worker ended without an answer; the message says how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says to a job: a score, or why there is none.

    Attributes:
        identity: of the worker's accuracy source.
        scored: the score.
        refused: message of a `UserError`.
        failed: traceback of any other error.
    """

    identity: dict[str, str | int] | None = None
    scored: Scored | None = None
    refused: str = ""
    failed: str = ""


class Desk:
    """A worker's side, in its own process: makes its source at the first job, then scores.

    Args:
        make: makes the source.
    """

    def __init__(self, make: Maker) -> None:
        self._make = make
        self._accuracy: AccuracySource | None = None

    def answer(self, job: Job) -> Answer:
        """Does a job; errors travel as answers and are raised where the score was asked for."""
        try:
            if self._accuracy is None:
                self._accuracy = self._make()
            return Answer(dict(self._accuracy.identity), score(self._accuracy, job))
        except UserError as error:
            return Answer(refused=str(error))
        except Exception:  # noqa: BLE001
            return Answer(failed=traceback.format_exc())


class Worker(abc.ABC):
    """One worker, seen from the process that searches."""

    @abc.abstractmethod
    def give(self, job: Job) -> None:
        """Hands over a job; returns at once. A dead worker shows in `take`."""

    @abc.abstractmethod
    def take(self) -> Answer:
        """The answer to the job that was given; waits for it.

        Raises:
            WorkerDiedError: there will be none.
        """

    @abc.abstractmethod
    def dismiss(self) -> None:
        """Ends it at once, whatever it does; it may be dead already."""


class Team(Pool):
    """A pool that hires workers when there are jobs and replaces those that die.

    The job of a dead worker is done again. The number of replacements is bounded: an architecture
    may lose 3 workers, and 3 for each place may die in a row without a score.
    """

    def __init__(self, accuracy: AccuracySource, make: Maker, options: PoolOptions) -> None:
        super().__init__(accuracy, make, options)
        self._idle: list[Worker] = []
        self._lost_in_a_row = 0

    @abc.abstractmethod
    def _hire(self) -> Worker:
        """Starts a worker; does not wait for it."""

    @abc.abstractmethod
    def _answered(self, busy: Sequence[Worker]) -> list[Worker]:
        """Waits until workers have answered or died; returns these, at least one."""

    def scores(self, jobs: Sequence[Job]) -> Iterator[Scored]:
        """See `Pool.scores`."""
        waiting, losses = deque(range(len(jobs))), Counter[int]()
        busy: dict[Worker, int] = {}
        done: dict[int, Scored] = {}
        try:
            for following in range(len(jobs)):
                while following not in done:
                    while waiting and len(busy) < self.workers:
                        worker = self._idle.pop() if self._idle else self._hire()
                        busy[worker] = place = waiting.popleft()
                        worker.give(jobs[place])
                    for worker in self._answered(list(busy)):
                        place = busy[worker]
                        try:
                            done[place] = self._checked(worker.take())
                        except WorkerDiedError as died:
                            losses[place] += 1
                            self._lost_in_a_row += 1
                            self._may_go_on(jobs[place], losses[place], str(died))
                            waiting.appendleft(place)
                            worker.dismiss()
                        else:
                            self._lost_in_a_row = 0
                            self._idle.append(worker)
                        del busy[worker]
                yield done.pop(following)
        finally:
            # Nobody waits any more for the answers of those that are still at work.
            for worker in busy:
                worker.dismiss()

    def _checked(self, answer: Answer) -> Scored:
        if answer.refused:
            raise UserError(answer.refused)
        if answer.scored is None:
            raise RuntimeError(f"scoring failed in a worker:\n{answer.failed}")
        if answer.identity != dict(self.accuracy.identity):
            raise UserError(
                f"a worker scores with other weights ({answer.identity}) than this process "
                f"({dict(self.accuracy.identity)}); give both the same weights"
            )
        return answer.scored

    def _may_go_on(self, job: Job, losses: int, how: str) -> None:
        if losses >= _LOSSES_OF_A_JOB:
            raise UserError(
                f"{losses} workers died one after the other while they scored "
                f"{job.architecture.as_json()}; the last {how}; what was scored before is kept"
            )
        most = _LOSSES_IN_A_ROW_PER_WORKER * self.workers
        if self._lost_in_a_row >= most:
            raise UserError(
                f"{most} workers died without a score in between; the last {how}; is memory "
                f"short for {self.workers} workers? what was scored before is kept"
            )

    def close(self) -> None:
        """See `Pool.close`."""
        while self._idle:
            self._idle.pop().dismiss()
