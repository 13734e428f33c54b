from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolution.folder import RunFolder, RunSettings, read_settings
from evolution.place import check_place
from luts.errors import CorruptFileError, UserError

SETTINGS = RunSettings(
    target="cpu", recipe="r", recipe_sha256="0", seed=0, latency_ms=1.5, parameters=None,
    evaluations=10, threads=1, table="t", reference_latency_ms=2.0,
)


def started(path: Path) -> Path:
    RunFolder.open(path, SETTINGS, "name: r\n").close()
    return path


def test_a_new_place_is_accepted_and_not_touched(tmp_path: Path) -> None:
    check_place(tmp_path / "deep" / "run", resume=False)
    check_place(tmp_path / "deep" / "run", resume=True)
    assert list(tmp_path.iterdir()) == []


def test_a_started_run_is_only_entered_to_resume(tmp_path: Path) -> None:
    path = started(tmp_path / "run")
    with pytest.raises(UserError, match="holds an unfinished run; add --resume"):
        check_place(path, resume=False)
    check_place(path, resume=True)
    (path / "result.json").write_text("{}")
    with pytest.raises(UserError, match="holds a finished run"):
        check_place(path, resume=False)


def test_a_run_killed_before_its_first_event_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    (path / "recipe.yaml").write_text("name: r\n")
    (path / ".settings.json.abc.tmp").write_text("{")
    check_place(path, resume=False)
    check_place(started(path), resume=True)
    assert read_settings(path) == SETTINGS


def test_the_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(UserError, match="is not empty and holds no run"):
            check_place(tmp_path, resume=resume)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UserError, match="cannot make the run folder"):
            check_place(path, resume=False)


def test_damaged_settings_are_named(tmp_path: Path) -> None:
    path = started(tmp_path / "run")
    stored = json.loads((path / "settings.json").read_text())
    (path / "settings.json").write_text(json.dumps({**stored, "seed": "many"}))
    with pytest.raises(CorruptFileError, match="seed is damaged"):
        read_settings(path)


def test_the_journal_keeps_whole_events_only(tmp_path: Path) -> None:
    path = started(tmp_path / "run")
    (path / "journal.jsonl").write_bytes(b'{"event": "started"}\n{"event": "eval')
    with RunFolder.open(path, SETTINGS, "name: r\n") as folder:
        assert folder.journal.records == [{"event": "started"}]
    assert (path / "journal.jsonl").read_bytes() == b'{"event": "started"}\n'
