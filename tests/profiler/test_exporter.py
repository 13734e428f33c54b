from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from luts.spaces import SPACES
from profiler._exporter import Exporter, _serve
from tests.fakes import FakeSpace

VECTORS = {0: None, 4: (0, 1, 0, 1, 0, 1), 7: (1, 1, 1, 1, 1, 1)}


def _exported(space: FakeSpace, folder: Path) -> list[bytes]:
    folder.mkdir()
    exporter = Exporter(space, helpers=1)
    try:
        paths = exporter.export(VECTORS, folder)
    finally:
        exporter.close()
    assert list(paths) == list(VECTORS)
    return [path.read_bytes() for path in paths.values()]


def test_space_without_a_name_is_exported_here(tmp_path: Path) -> None:
    expected = []
    for vector in VECTORS.values():
        space, path = FakeSpace(), tmp_path / "one.onnx"
        space.export_onnx(None if vector is None else space.decode(np.array(vector)), path)
        expected.append(path.read_bytes())
    assert _exported(FakeSpace(), tmp_path / "all") == expected


def test_helper_that_dies_leaves_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The helper does not know the name that is registered in this process only."""
    expected = _exported(FakeSpace(), tmp_path / "alone")
    monkeypatch.setitem(SPACES._loaded, "fake", FakeSpace)
    assert _exported(FakeSpace(), tmp_path / "helped") == expected


def test_helper_answers_each_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SPACES._loaded, "fake", FakeSpace)
    paths = [str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx")]
    lines = [f'[null, "{paths[0]}"]\n', f'[[0, 0, 0, 1, 1, 1], "{paths[1]}"]\n']
    monkeypatch.setattr("sys.stdin", iter(lines))
    _serve("fake", 1)
    assert capsys.readouterr().out == "done\ndone\n"
    assert all(Path(path).stat().st_size > 0 for path in paths)
