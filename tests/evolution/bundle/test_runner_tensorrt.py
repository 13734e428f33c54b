"""An engine is refused where it does not belong, without a GPU to try it on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evolution.bundle import write
from evolution.bundle.choice import Choice
from evolution.bundle.manifest import load_manifest, write_sums
from evolution.bundle.runners import tensorrt
from tests.evolution.bundle.toy_bundle import make_run, toy_subject

MANIFEST: dict[str, Any] = {"model": {
    "runtime": "tensorrt_rtx", "runtime_version": "1.7", "compute_capability": "8.6",
    "file": "model.engine"}}
# A machine with a CUDA driver and a GPU of compute capability 9.0, and the runtime installed.
ELSEWHERE = """
import ctypes, runpy, sys, types
import numpy
class Library:
    def __getattr__(self, name):
        def call(*arguments):
            if name == "cuDeviceGetAttribute":
                arguments[0]._obj.value = {75: 9, 76: 0}[arguments[1].value]
            return 0
        return call
ctypes.CDLL = lambda name: Library()
sys.modules["tensorrt_rtx"] = types.ModuleType("tensorrt_rtx")
sys.argv = ["verify.py"]
runpy.run_path(PATH, run_name="__main__")
"""


class Driver:
    compute_capability = "9.0"
    stream = 1

    def __init__(self, device: str) -> None:
        pass


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", ModuleType("tensorrt_rtx"))


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of an engine for an RTX 3090, whose engine is none."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(write, "load_subject", toy_subject)
    folder = tmp_path / "bundle"
    write.export_bundle(make_run(tmp_path / "run"), Choice(), folder)
    manifest = load_manifest(folder)
    facts = manifest.model.model_copy(update={
        "format": "tensorrt-rtx", "runtime": "tensorrt_rtx", "runtime_version": "1.7",
        "compute_capability": "8.6", "file": "model.engine"})
    manifest.model_copy(update={"target": "rtx3090", "model": facts}).save(folder)
    (folder / "model.engine").write_bytes(b"vtrt")
    (folder / "runner.py").write_text(Path(tensorrt.__file__).read_text())
    write_sums(folder)
    return folder


def test_another_compute_capability_is_refused(
    package: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tensorrt, "Driver", Driver)
    with pytest.raises(ValueError, match=r"is for compute capability 8\.6, and 'cuda:0' has 9\.0"):
        tensorrt.Model(tmp_path, MANIFEST, "cuda:0")


def test_without_a_driver_the_device_cannot_be_reached(
    package: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(tensorrt.ctypes, "CDLL", absent)
    with pytest.raises(ValueError, match="no CUDA driver here"):
        tensorrt.Model(tmp_path, MANIFEST, "cuda:0")


@pytest.mark.parametrize(("machine", "said"), [
    (ELSEWHERE, "is for compute capability 8.6, and 'cuda:0' has 9.0; export again with a target"),
    (ELSEWHERE.replace('= types.ModuleType("tensorrt_rtx")', "= None"),
     "this bundle needs numpy and tensorrt_rtx 1.7"),
    (ELSEWHERE.replace("lambda name: Library()", "None"), "no CUDA driver here"),
], ids=["capability", "runtime", "driver"])  # fmt: skip
def test_the_script_says_in_one_line_why_it_cannot_run_there(
    bundle: Path, machine: str, said: str
) -> None:
    code = machine.replace("PATH", repr(str(bundle / "verify.py")))
    code = code.replace("ctypes.CDLL = None", "def absent(name): raise OSError(name)\n"
                        "ctypes.CDLL = absent")
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True,
                          check=False, cwd="/")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""
