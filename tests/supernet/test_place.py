from __future__ import annotations

from pathlib import Path

import pytest

from luts.errors import UserError
from supernet.training.place import check_place
from tests.commands import assert_refused, run_module


def test_a_training_leaves_other_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday/beach.jpg").write_bytes(b"sand")
    done = run_module("supernet.train", "--recipe", "bn-nas-small", "--out", str(tmp_path))
    assert_refused(done, f"'{tmp_path}' is not empty and holds no training; choose another --out")
    assert [path.name for path in tmp_path.rglob("*")] == ["holiday", "beach.jpg"]


@pytest.mark.parametrize("held", [
    "", "data.json", ".cache/x", "supernet/", "supernet/run.json", "chairs/reference/run.json"])
def test_a_training_goes_where_one_is_or_was_begun(tmp_path: Path, held: str) -> None:
    path = tmp_path / held
    (path if held.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
    if held and not held.endswith("/"):
        path.write_text("{}")
    check_place(tmp_path)
    check_place(tmp_path / "absent")


@pytest.mark.parametrize("held", ["notes.txt", "supernet/notes.txt", "run.json"])
def test_what_is_no_training_is_refused(tmp_path: Path, held: str) -> None:
    path = tmp_path / held
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    with pytest.raises(UserError, match="holds no training"):
        check_place(tmp_path)
