"""What every Strategy must do; inherit and give the fixture."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from evolution.constraint import LatencyConstraint
from evolution.known import Known
from evolution.region import Region
from evolution.score import Score
from evolution.strategies.base import Strategy
from luts.errors import UserError
from luts.space import OperatorSpace, Vectors

Make = Callable[[Region, int], Strategy]


class StrategyConformance:
    """Tests of the seam.

    Subclasses define the fixtures ``make`` (a strategy for a region and a seed), ``region`` (part
    of a space) and ``tiny`` (a region of fewer than 20 architectures).
    """

    @staticmethod
    def fitness(vectors: Vectors) -> np.ndarray:
        weights = np.arange(1, vectors.shape[1] + 1)
        return -(vectors * weights).sum(axis=1).astype(np.float64)

    def play(self, strategy: Strategy, batches: int, count: int = 12) -> list[Vectors]:
        asked = []
        for _ in range(batches):
            vectors = strategy.ask(count)
            strategy.tell(vectors, self.fitness(vectors))
            asked.append(vectors)
        return asked

    def test_proposals_are_index_vectors_within_the_region(
        self, make: Make, region: Region
    ) -> None:
        space: OperatorSpace = region.space
        for vectors in self.play(make(region, 0), 5):
            assert vectors.dtype == np.int64
            assert vectors.shape == (12, len(space.decisions))
            assert ((vectors >= 0) & (vectors < space.cardinalities)).all()
            assert region.allowed(vectors).all()

    def test_nothing_is_proposed_twice(self, make: Make, region: Region) -> None:
        vectors = np.concatenate(self.play(make(region, 0), 6))
        assert len(np.unique(vectors, axis=0)) == len(vectors)

    def test_never_more_than_asked_for(self, make: Make, region: Region) -> None:
        strategy = make(region, 0)
        for count in (1, 2, 7):
            vectors = strategy.ask(count)
            assert len(vectors) == count
            strategy.tell(vectors, self.fitness(vectors))

    def test_nothing_is_proposed_where_nothing_is_asked_for(
        self, make: Make, region: Region
    ) -> None:
        strategy = make(region, 0)
        for _ in range(3):
            assert strategy.ask(0).shape == (0, len(region.space.decisions))
            vectors = strategy.ask(12)
            strategy.tell(vectors, self.fitness(vectors))

    def test_wrong_answers_are_refused(self, make: Make, region: Region) -> None:
        strategy = make(region, 0)
        vectors = strategy.ask(3)
        with pytest.raises(UserError, match="3 architectures were told 2 results"):
            strategy.tell(vectors, np.zeros(2))
        with pytest.raises(UserError, match="nan"):
            strategy.tell(vectors, np.array([0.0, np.nan, 1.0]))
        with pytest.raises(UserError, match="5 objectives were told"):
            strategy.tell(vectors, np.zeros((3, 5)))

    def test_equal_seeds_give_equal_proposals(self, make: Make, region: Region) -> None:
        first, again = self.play(make(region, 3), 4), self.play(make(region, 3), 4)
        np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))

    def test_other_seeds_give_other_proposals(self, make: Make, region: Region) -> None:
        first, other = self.play(make(region, 3), 1)[0], self.play(make(region, 4), 1)[0]
        assert not np.array_equal(first, other)

    def test_a_restored_state_goes_on_as_if_never_stopped(
        self, make: Make, region: Region
    ) -> None:
        unbroken, broken = make(region, 5), make(region, 5)
        self.play(unbroken, 3)
        self.play(broken, 3)
        state = json.loads(json.dumps(broken.state(), allow_nan=False))
        resumed = make(region, 5)
        resumed.restore(state)
        for ours, theirs in zip(self.play(resumed, 3), self.play(unbroken, 3), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_used_up_region_ends_in_an_empty_proposal(self, make: Make, tiny: Region) -> None:
        strategy = make(tiny, 0)
        found: list[Vectors] = []
        for _ in range(40):
            vectors = strategy.ask(5)
            if not len(vectors):
                break
            strategy.tell(vectors, self.fitness(vectors))
            found.append(vectors)
        else:
            pytest.fail("it never ran out of a region of fewer than 20 architectures")
        assert len(np.concatenate(found)) < 20

    def test_a_region_that_verification_emptied_ends_in_an_empty_proposal(
        self, make: Make, region: Region
    ) -> None:
        strategy = make(region, 0)
        self.play(strategy, 2)
        limit = region.limits[0]
        assert isinstance(limit, LatencyConstraint)
        limit.correction = 1e3
        region.changed()
        assert strategy.ask(5).shape == (0, len(region.space.decisions))

    def test_what_is_known_beforehand_is_taken_or_asked_for_in_words(
        self, make: Make, region: Region
    ) -> None:
        strategy, space = make(region, 0), region.space
        alike = [np.zeros(int(count)) for count in space.cardinalities]
        strategy.inform(Known(Score(choices=alike), alike))
        assert region.allowed(strategy.ask(5)).all()
        try:
            make(region, 0).inform(Known())
        except UserError as error:
            assert "--strategy" in str(error)

    def test_what_could_not_be_scored_does_no_harm(self, make: Make, region: Region) -> None:
        strategy = make(region, 0)
        vectors = strategy.ask(12)
        strategy.tell(vectors, np.full(len(vectors), np.inf))
        json.dumps(strategy.state(), allow_nan=False)
        assert len(strategy.ask(12)) == 12
