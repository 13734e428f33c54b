"""The miniature that most tests of a search share; tests only read it."""

from __future__ import annotations

import pytest

from evolution.region import Region
from tests.evolution.regions import region_of
from tests.evolution.toys import Toys


@pytest.fixture(scope="module")
def toys() -> Toys:
    return Toys()


@pytest.fixture
def region(toys: Toys) -> Region:
    return region_of(toys, 600)


@pytest.fixture
def tiny(toys: Toys) -> Region:
    return region_of(toys, 8)
