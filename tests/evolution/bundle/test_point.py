"""Another architecture than the winner, as a run folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolution.bundle.point import write_point
from evolution.reporting.story import read_story
from luts.errors import UserError
from tests.evolution.bundle.toy_bundle import make_run
from tests.evolution.toys import Toys


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", measured=True)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Toys:
    toys = Toys()
    monkeypatch.setattr("luts.spaces.load_space", lambda name: toys.space)
    monkeypatch.setattr("supernet.accuracy.load_accuracy", lambda name, weights: toys.accuracy)
    return toys


def test_it_is_told_as_what_it_is(run: Path, toys: Toys, tmp_path: Path) -> None:
    write_point(run, 7, None, tmp_path)
    before, after = read_story(run), read_story(tmp_path)
    wanted = before.candidates[6]
    best = after.result.best
    assert best.architecture is not None
    assert tuple(toys.space.encode(toys.space.architecture(best.architecture))) == wanted.vector
    assert best.architecture != before.result.best.architecture
    assert (best.predicted_latency_ms, best.metrics) == (wanted.latency_ms, wanted.metrics)
    assert best.measured is None
    assert before.result.verified and not after.result.verified
    assert after.result.reason.startswith("architecture 7 of the search")
    total = sum(ms for _, ms in after.evidence.parts)
    assert total + toys.table.info.overhead_ms == pytest.approx(wanted.latency_ms)


def test_what_cannot_be_is_refused_in_words(run: Path, toys: Toys, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--point 41 is not between 1 and 40"):
        write_point(run, 41, None, tmp_path)
    toys.accuracy.identity = {"weights": "others", "step": 7}
    with pytest.raises(UserError, match="'others'.*name its training with --weights"):
        write_point(run, 7, None, tmp_path)
    assert list(tmp_path.iterdir()) == []
