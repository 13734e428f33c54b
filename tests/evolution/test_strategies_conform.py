"""Every strategy keeps the seam, in spaces that are listed and in those that are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evolution.region import Region
from evolution.strategies.base import Strategy
from evolution.strategies.evolution import Evolution, EvolutionSettings
from evolution.strategies.exact import Exact, ExactSettings
from evolution.strategies.guided import Guided, GuidedSettings
from evolution.strategies.joint import Joint, JointSettings
from evolution.strategies.nsga2 import Nsga2, Nsga2Settings
from evolution.strategies.random import Random, RandomSettings
from tests.conformance.strategy import StrategyConformance
from tests.evolution.regions import InALargeSpace


class TestEvolution(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        settings = EvolutionSettings(population=12, parents=4, mutations=6, crossovers=6)
        return lambda region, seed: Evolution(region, settings, seed)


class TestRandom(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Random(region, RandomSettings(), seed)


class TestNsga2(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Nsga2(region, Nsga2Settings(population=12), seed)


class TestExact(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Exact(region, ExactSettings(), seed)


class TestGuided(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Guided(region, GuidedSettings(), seed)


class TestJoint(StrategyConformance):
    @pytest.fixture
    def make(self) -> Callable[[Region, int], Strategy]:
        return lambda region, seed: Joint(region, JointSettings(corners=True), seed)


class TestExactInALargeSpace(InALargeSpace, TestExact):
    pass


class TestGuidedInALargeSpace(InALargeSpace, TestGuided):
    pass


class TestJointInALargeSpace(InALargeSpace, TestJoint):
    pass
