"""Files of tensors: equal bytes for equal content, and readable by the library."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from supernet.tensors import save_tensors

TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(3, dtype=torch.bfloat16),
           "c": torch.tensor(7)}
METADATA = {name: f"of {name} é" for name in ("format", "identity", "recipe", "step")}


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    # With four keys the library's own order is the same twenty times once in 24 ** 19.
    files = set()
    for number in range(20):
        path = tmp_path / str(number)
        save_tensors(path, TENSORS, METADATA)
        files.add(path.read_bytes())
    assert len(files) == 1


def test_the_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_tensors(path, TENSORS, METADATA)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == METADATA
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    monkeypatch.setattr("json.dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_tensors(path, TENSORS, METADATA)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
