from __future__ import annotations

from pathlib import Path

import pytest

import luts
from luts.errors import UnknownNameError, UserError
from luts.paths import find_table, table_folder, tables_root
from luts.records import TableInfo
from luts.table import LatencyTable


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("METRONAS_TABLES", str(tmp_path))
    return tmp_path


def _save(recipe: str, threads: int, *, complete: bool = True) -> None:
    info = TableInfo(
        target="cpu", recipe=recipe, space_hash="s", device={}, runtime="onnxruntime",
        runtime_version="1", precision="fp32", batch=1, threads=threads, code_hash="c",
        plan_hash="p", created="2030-01-01", complete=complete, noise=0.0,
    )
    folder = table_folder("cpu", recipe, "onnxruntime", "fp32", 1, threads)
    LatencyTable(info, [], []).save(folder)


def test_root_is_the_package_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("METRONAS_TABLES", raising=False)
    assert tables_root() == Path(luts.__file__).parent / "tables"
    monkeypatch.setenv("METRONAS_TABLES", str(tmp_path))
    assert tables_root() == tmp_path


def test_folder_name(root: Path) -> None:
    folder = table_folder("cpu", "flownas-small", "onnxruntime", "fp32", 1, 2)
    assert folder == root / "cpu" / "flownas-small-onnxruntime-fp32-b1-t2"


@pytest.mark.parametrize("recipe", ["../secrets", "a/b", "", "-x"])
def test_names_stay_inside_the_root(root: Path, recipe: str) -> None:
    with pytest.raises(UserError, match="recipe"):
        table_folder("cpu", recipe, "onnxruntime", "fp32", 1, 1)


def test_finds_the_table(root: Path) -> None:
    _save("fake", 4)
    _save("fake", 2)
    _save("fake", 10)
    assert find_table("cpu", "fake").info.threads == 2
    assert find_table("cpu", "fake", threads=10).info.threads == 10


def test_absent_table_names_those_that_exist_and_the_command(root: Path) -> None:
    _save("fake", 2)
    with pytest.raises(UserError) as caught:
        find_table("cpu", "other", threads=1)
    message = str(caught.value)
    assert "cpu/fake-onnxruntime-fp32-b1-t2" in message
    assert "python -m profiler.build_lut --device cpu --recipe other --threads 1" in message


def test_partial_table_is_not_taken_unasked(root: Path) -> None:
    _save("fake", 1, complete=False)
    with pytest.raises(UserError, match=r"partial.*--resume"):
        find_table("cpu", "fake")
    assert not find_table("cpu", "fake", partial=True).info.complete


def test_unknown_target(root: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown target 'tpu'"):
        find_table("tpu", "fake")
