from __future__ import annotations

from pathlib import Path

import pytest

from luts.errors import UserError
from luts.unfinished import unfinished


def test_what_was_broken_off_is_kept_until_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "work.jsonl"
    with pytest.raises(KeyboardInterrupt), unfinished(path, resume=False, force=False) as journal:
        journal.append({"n": 1})
        raise KeyboardInterrupt
    with (
        pytest.raises(UserError, match=r"work.jsonl' holds 1 measurements .*--resume.*--force"),
        unfinished(path, resume=False, force=False),
    ):
        raise AssertionError("must not begin")
    with unfinished(path, resume=True, force=False) as journal:
        assert journal.records == [{"n": 1}]
        journal.append({"n": 2})
    assert not path.exists()


def test_force_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "work.jsonl"
    path.write_text('{"n": 1}\n')
    with unfinished(path, resume=False, force=True) as journal:
        assert journal.records == []


def test_nothing_done_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "work.jsonl"
    with pytest.raises(UserError), unfinished(path, resume=False, force=False):
        raise UserError("wrong input")
    assert not path.exists()
