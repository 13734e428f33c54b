from __future__ import annotations

import pytest

from luts.fingerprint import space_hash
from luts.lowered import lowered
from luts.spaces import load_space
from tests.evolution.toys import ToySpace


def test_rows_are_what_the_space_lowers() -> None:
    space = ToySpace()
    found = lowered(space)
    for factor, rows in zip(space.factors, found, strict=True):
        assert [list(row) for row in rows] == [
            space.lower_factor(factor, choices) for choices in space.factor_choices(factor)]


def test_a_space_is_lowered_once_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    space, calls = ToySpace(), []
    lower = space.lower_factor
    monkeypatch.setattr(space, "lower_factor",
                        lambda *given: calls.append(given) or lower(*given))
    space_hash(space)
    once = len(calls)
    assert once == sum(len(space.factor_choices(factor)) for factor in space.factors)
    assert lowered(space) is lowered(space)
    space_hash(space)
    assert len(calls) == once


def test_all_who_name_a_recipe_share_its_space_and_another_batch_is_another() -> None:
    space = load_space("da-nas-small")
    assert load_space("da-nas-small") is space
    more = load_space("da-nas-small", 2)
    assert more is not space and more.batch == 2
    first, batched = lowered(space), lowered(space.at_batch(2))
    assert first[0][0][0].operator.inputs[0][0] == 1
    assert batched[0][0][0].operator.inputs[0][0] == 2
    assert lowered(more) == batched
    assert len({space_hash(space), space_hash(more)}) == 2
