"""An engine is refused where it does not belong, without a GPU to try it on."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evolution.bundle.runners import tensorrt

MANIFEST: dict[str, Any] = {"model": {
    "runtime": "tensorrt_rtx", "runtime_version": "1.7", "compute_capability": "8.6",
    "file": "model.engine"}}


class Driver:
    compute_capability = "9.0"
    stream = 1

    def __init__(self, device: str) -> None:
        pass


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", ModuleType("tensorrt_rtx"))


def test_another_compute_capability_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tensorrt, "Driver", Driver)
    with pytest.raises(ValueError, match=r"is for compute capability 8\.6, and 'cuda:0' has 9\.0"):
        tensorrt.Model(tmp_path, MANIFEST, "cuda:0")


def test_without_a_driver_the_device_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(tensorrt.ctypes, "CDLL", absent)
    with pytest.raises(ValueError, match="no CUDA driver here"):
        tensorrt.Model(tmp_path, MANIFEST, "cuda:0")
