from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from luts.errors import UserError
from profiler.lock import DeviceBusyError, device_lock, lock_folder
from tests.commands import assert_refused, run_module
from tests.fakes import FakeSpace

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@contextmanager
def _holder(device: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.profiler._holding", device], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_who_holds_it() -> None:
    with _holder("cpu") as process:
        with pytest.raises(DeviceBusyError) as caught, device_lock("cpu"):
            pass
        said = str(caught.value)
        assert f"process {process.pid} (python -m tests.profiler._holding cpu) since 20" in said
        assert "--wait" in said
        with device_lock("other"):
            pass


def test_the_holder_is_free_again_after_its_end() -> None:
    with _holder("cpu") as process:
        process.communicate("")
        assert process.returncode == 0
        with device_lock("cpu"):
            pass


def test_kill_9_leaves_nothing_stuck() -> None:
    with _holder("cpu") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with device_lock("cpu"):
            pass


def test_waiting_is_announced_once_and_ends_with_the_holder(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with _holder("cpu") as process:
        threading.Timer(2.0, process.kill).start()
        with device_lock("cpu", wait_s=60):
            assert process.wait() == -signal.SIGKILL
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert re.match(r"waiting up to 60 s for device 'cpu'.*process \d+", said[0])


def test_waiting_has_an_end() -> None:
    with (
        _holder("cpu"),
        pytest.raises(DeviceBusyError, match=r"still so after 0\.3 s"),
        device_lock("cpu", wait_s=0.3),
    ):
        pass


def _others_may_take(device: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "tests.profiler._holding", device], cwd=ROOT, input="",
        capture_output=True, text=True, check=False,
    )
    if done.returncode:
        assert "DeviceBusyError" in done.stderr
    return done.returncode == 0


def test_it_can_be_taken_again_within_one_process() -> None:
    with device_lock("cpu"):
        with device_lock("cpu"):
            pass
        assert not _others_may_take("cpu")
    assert _others_may_take("cpu")


def test_an_error_inside_gives_it_back() -> None:
    with pytest.raises(ZeroDivisionError), device_lock("cpu"):
        raise ZeroDivisionError
    assert _others_may_take("cpu")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_keep_it() -> None:
    """A worker that outlives its killed parent must not hold the device."""
    code = (
        "import os, sys, time\n"
        "from profiler.lock import device_lock\n"
        "lock = device_lock('cpu'); lock.__enter__()\n"
        "child = os.fork()\n"
        "if child == 0:\n    time.sleep(60); os._exit(0)\n"
        "print(child, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE,
                              text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        time.sleep(0.1)
        parent.kill()
        parent.wait()
        assert _others_may_take("cpu")
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()


def test_the_file_is_for_this_user_alone(runtime_folder: Path) -> None:
    with device_lock("cpu"):
        path = runtime_folder / "metronas" / "cpu.lock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert str(os.getpid()) in path.read_text()
    assert path.read_text() == ""


def test_an_unsigned_lock_is_still_a_lock(runtime_folder: Path) -> None:
    with _holder("cpu"):
        for left in ("", "not json", '{"pid": 1}', "[]"):
            (runtime_folder / "metronas" / "cpu.lock").write_text(left)
            with pytest.raises(DeviceBusyError, match="by another process"), device_lock("cpu"):
                pass


@pytest.mark.parametrize("name", ["../cpu", "", "a/b", ".hidden"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="device"), device_lock(name):
        pass


def test_a_link_in_place_of_the_folder_or_file_is_refused(
    runtime_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (runtime_folder / "metronas").symlink_to(elsewhere)
    with pytest.raises(UserError, match="not a folder of this user"), device_lock("cpu"):
        pass
    (runtime_folder / "metronas").unlink()
    lock_folder()
    (runtime_folder / "metronas" / "cpu.lock").symlink_to(elsewhere / "file")
    with pytest.raises(UserError, match="cannot open device lock"), device_lock("cpu"):
        pass
    assert list(elsewhere.iterdir()) == []


def test_without_a_runtime_folder_it_lies_in_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for value in ("", "relative", str(tmp_path / "absent")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert lock_folder() == tmp_path / f"metronas-{os.getuid()}"


@pytest.mark.parametrize("command", [
    ("profiler.build_lut", "--device", "cpu", "--plan-only"),
    ("profiler.build_lut", "--device", "cpu", "--out", "{folder}/table"),
    ("profiler.measure", "{folder}/net.onnx", "--json"),
])
def test_a_measuring_command_ends_in_one_line_that_names_the_holder(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    FakeSpace().export_onnx(None, tmp_path / "net.onnx")
    arguments = [word.format(folder=tmp_path) for word in command]
    with _holder("cpu") as process:
        done = run_module(*arguments)
    assert not (tmp_path / "table").exists()
    assert_refused(done, f"device 'cpu' is being measured by process {process.pid}")


def test_verification_of_a_search_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from evolution.measuring import measurer

    free: list[bool] = []
    monkeypatch.setattr("profiler.timing.measure_interleaved",
                        lambda paths, **_: free.append(_others_may_take("cpu")))
    goal = SimpleNamespace(target="cpu", threads=1,
                           table=SimpleNamespace(info=SimpleNamespace(precision="fp32")))
    measurer(goal)({})  # type: ignore[arg-type]
    assert free == [False]
    assert _others_may_take("cpu")
