"""What every Pool must do; inherit and give the fixtures."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from evolution.pools.base import Job, Pool, Scored
from luts.errors import UserError
from luts.space import Architecture
from tests.evolution.toys import ToyAccuracy, ToySpace

# Makes a pool of so many workers for a source of this process and one that makes others.
Make = Callable[[int, ToyAccuracy, Callable[[], ToyAccuracy]], Pool]


def toy() -> ToyAccuracy:
    return ToyAccuracy(ToySpace())


class Uneven(ToyAccuracy):
    """Architectures of an even sum take their time, so that others overtake them."""

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        self._pause = 0.15 if self.space.encode(architecture).sum() % 2 == 0 else 0.0
        return super().score(architecture, pairs)


def uneven() -> Uneven:
    return Uneven(ToySpace())


class Other(ToyAccuracy):
    """Has other weights."""

    def __init__(self) -> None:
        super().__init__(ToySpace())
        self.identity = {"weights": "other", "step": 7}


class Refusing(ToyAccuracy):
    """Refuses every architecture."""

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        raise UserError("no score today")


def refusing() -> Refusing:
    return Refusing(ToySpace())


class Failing(ToyAccuracy):
    """Has a defect."""

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        raise ZeroDivisionError("a defect")


def failing() -> Failing:
    return Failing(ToySpace())


class Mortal(ToyAccuracy):
    """Kills its process at the first ``deaths`` scores of the first job, counted in a folder."""

    def __init__(self, folder: Path, deaths: int) -> None:
        super().__init__(ToySpace())
        self.folder = folder
        self.deaths = deaths

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        (self.folder / str(os.getpid())).touch()
        if architecture == jobs(1)[0].architecture:
            died = len(list(self.folder.glob("died*")))
            if died < self.deaths:
                (self.folder / f"died{died}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().score(architecture, pairs)


class Stillborn(ToyAccuracy):
    """Kills its process before it can score anything."""

    def __init__(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def jobs(count: int) -> list[Job]:
    space = ToySpace()
    vectors = space.sample(np.random.default_rng(0), 40)[:count]
    return [Job(space.decode(vector)) for vector in vectors]


def metrics(scored: list[Scored]) -> list[dict[str, float]]:
    return [one.metrics for one in scored]


class PoolConformance:
    """Tests of the seam.

    Subclasses define the fixture ``make``.
    """

    def test_scores_are_those_of_one_process_in_the_order_of_the_jobs(self, make: Make) -> None:
        wanted = [toy().score(job.architecture) for job in jobs(7)]
        with make(2, uneven(), uneven) as pool:
            found = list(pool.scores(jobs(7)))
            assert metrics(found) == wanted
            assert all(one.seconds >= 0 for one in found)
            assert metrics(list(pool.scores(jobs(3)))) == wanted[:3]

    def test_the_number_of_workers_changes_nothing(self, make: Make) -> None:
        found = []
        for workers in (1, 3):
            with make(workers, toy(), toy) as pool:
                found.append(metrics(list(pool.scores(jobs(5)))))
        assert found[0] == found[1]

    def test_part_of_the_validation_pairs_can_be_asked_for(self, make: Make) -> None:
        job = jobs(1)[0]
        with make(1, toy(), toy) as pool:
            found = list(pool.scores([Job(job.architecture, pairs=2), job]))
        wanted = [toy().score(job.architecture, 2), toy().score(job.architecture)]
        assert metrics(found) == wanted
        assert wanted[0] != wanted[1]

    def test_no_jobs_give_no_scores(self, make: Make) -> None:
        with make(2, toy(), toy) as pool:
            assert list(pool.scores([])) == []

    def test_it_goes_on_after_it_was_closed_or_left_half_way(self, make: Make) -> None:
        wanted = [toy().score(job.architecture) for job in jobs(4)]
        with make(2, toy(), toy) as pool:
            half = pool.scores(jobs(4))
            assert next(half).metrics == wanted[0]
            half.close()  # type: ignore[attr-defined]
            assert metrics(list(pool.scores(jobs(4)))) == wanted
            pool.close()
            assert metrics(list(pool.scores(jobs(4)))) == wanted

    def test_what_the_source_refuses_is_told(self, make: Make) -> None:
        with make(2, refusing(), refusing) as pool, pytest.raises(UserError, match="today"):
            list(pool.scores(jobs(2)))

    def test_a_defect_is_no_refusal(self, make: Make) -> None:
        with make(2, failing(), failing) as pool, pytest.raises(
            (ZeroDivisionError, RuntimeError), match="a defect"
        ):
            list(pool.scores(jobs(2)))


class TeamConformance(PoolConformance):
    """Tests of pools whose workers can die."""

    def test_workers_score_elsewhere_and_together(self, make: Make, tmp_path: Path) -> None:
        source = partial(Mortal, tmp_path, 0)
        with make(2, source(), source) as pool:
            list(pool.scores(jobs(2)))
        workers = {int(path.name) for path in tmp_path.iterdir()}
        assert len(workers) == 2
        assert os.getpid() not in workers

    def test_a_worker_that_dies_is_replaced_and_its_job_done_again(
        self, make: Make, tmp_path: Path
    ) -> None:
        source = partial(Mortal, tmp_path, 1)
        with make(2, source(), source) as pool:
            found = metrics(list(pool.scores(jobs(5))))
        assert found == [toy().score(job.architecture) for job in jobs(5)]
        assert (tmp_path / "died0").exists()

    def test_an_architecture_that_kills_its_workers_is_named(
        self, make: Make, tmp_path: Path
    ) -> None:
        source = partial(Mortal, tmp_path, 1000)
        with make(2, source(), source) as pool, pytest.raises(
            UserError, match="3 workers died one after the other while they scored.*cell1.width"
        ):
            list(pool.scores(jobs(4)))
        assert len(list(tmp_path.glob("died*"))) == 3

    def test_workers_that_cannot_start_end_in_an_error(self, make: Make) -> None:
        with make(1, toy(), Stillborn) as pool, pytest.raises(UserError, match="3 workers died"):
            list(pool.scores(jobs(1)))

    def test_a_worker_with_other_weights_is_refused(self, make: Make) -> None:
        with make(1, toy(), Other) as pool, pytest.raises(UserError, match="with other weights"):
            list(pool.scores(jobs(1)))
