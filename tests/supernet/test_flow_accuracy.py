"""Scores of inherited networks: the same bits on any number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from luts.errors import UserError
from supernet.accuracy import AccuracySource, load_accuracy
from supernet.one_thread import OneThread
from supernet.tasks.flow_accuracy import VALIDATION_PAIRS, FlowAccuracy
from tests.conformance.accuracy import AccuracyConformance


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def accuracy() -> AccuracySource:
    try:
        return load_accuracy("flownas-small")
    except UserError as error:
        pytest.skip(str(error))


def test_the_number_of_threads_changes_no_bit(threads: None, accuracy: AccuracySource) -> None:
    assert isinstance(accuracy, FlowAccuracy)
    architecture = accuracy.space.decode(accuracy.space.largest)
    torch.set_num_threads(1)
    alone = accuracy.score(architecture)
    torch.set_num_threads(2)
    assert accuracy.score(architecture) == alone
    assert load_accuracy("flownas-small").score(architecture) == alone
    assert torch.get_num_threads() == 2


def test_part_of_the_pairs_is_scored_alone(accuracy: AccuracySource) -> None:
    assert isinstance(accuracy, FlowAccuracy)
    architecture = accuracy.space.decode(accuracy.space.largest)
    whole, part = accuracy.score(architecture), accuracy.score(architecture, 3)
    assert accuracy.score(architecture, VALIDATION_PAIRS) == whole
    assert set(part) == set(whole)
    assert all(part[name] != whole[name] for name in ("epe", "feature_distance"))
    for pairs in (0, -1, VALIDATION_PAIRS + 1):
        with pytest.raises(UserError, match="validation pairs: there are 1 to 8"):
            accuracy.score(architecture, pairs)


def test_one_thread_gives_back_what_was_set(threads: None) -> None:
    torch.set_num_threads(2)

    @OneThread()
    def inner() -> int:
        with OneThread():
            pass
        return torch.get_num_threads()

    assert inner() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.slow
class TestFlowAccuracy(AccuracyConformance):
    @pytest.fixture(scope="class")
    def accuracy(self):
        return load_accuracy("flownas-small")
