"""The seam of scoring: architectures in, metrics out, several at once where there are workers."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from luts.registry import Registry
from luts.space import Architecture

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource

# Makes an accuracy source in another process, so it must be picklable: a function of a module,
# with `functools.partial` for its arguments.
Maker = Callable[[], "AccuracySource"]
# Address of a Ray cluster that is started on this machine.
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Job:
    """One architecture to be scored.

    Attributes:
        architecture: that one.
        pairs: on the first so many of the validation pairs; None for all.
    """

    architecture: Architecture
    pairs: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a job.

    Attributes:
        metrics: validation metrics, as `AccuracySource.score` gave them.
        seconds: what scoring took, wherever it was done.
    """

    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """What a user asks for.

    Attributes:
        workers: processes that score at once; None leaves it to the pool.
        address: of a Ray cluster, or ``local``; None without Ray.
    """

    workers: int | None = None
    address: str | None = None

    @property
    def pool(self) -> str:
        """Name of the registered pool that serves these options."""
        if self.address is not None:
            return "ray"
        return "processes" if (self.workers or 1) > 1 else "here"


class Pool(abc.ABC):
    """Scores architectures; how many at once and where changes no score.

    Args:
        accuracy: the source of this process, whose identity all workers must have.
        make: makes a source like it in another process.
        options: what a user asks for.
    """

    def __init__(self, accuracy: AccuracySource, make: Maker, options: PoolOptions) -> None:
        self.accuracy = accuracy
        self.make = make
        self.options = options

    @property
    @abc.abstractmethod
    def workers(self) -> int:
        """How many architectures are scored at once."""

    @abc.abstractmethod
    def scores(self, jobs: Sequence[Job]) -> Iterator[Scored]:
        """Scores in the order of the jobs, each as soon as those before it are known.

        Args:
            jobs: any number.

        Raises:
            UserError: a worker refuses, or has other weights than this process, or workers die
                again and again.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Ends all workers; the next call of `scores` starts new ones."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def score(accuracy: AccuracySource, job: Job) -> Scored:
    """Does one job in this process."""
    began = time.perf_counter()
    part = {} if job.pairs is None else {"pairs": job.pairs}
    metrics = accuracy.score(job.architecture, **part)
    return Scored(dict(metrics), round(time.perf_counter() - began, 3))


POOLS: Registry[Pool] = Registry(
    "pool",
    "metronas.pools",
    {
        "here": "evolution.pools.here:Here",
        "processes": "evolution.pools.processes:Processes",
        "ray": "evolution.pools.ray:RayPool",
    },
)
