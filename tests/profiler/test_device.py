"""Which target a CUDA device is, told by a driver that is not here."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from luts.errors import UserError
from profiler.device import resolve_device

NAMES = ["NVIDIA GeForce RTX 3090", "NVIDIA H200", "NVIDIA Tegra"]


class NVMLError(Exception):
    pass


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A driver with three devices; `down` switches it off."""
    module: Any = ModuleType("pynvml")
    state = SimpleNamespace(down=False, opened=0)

    def init() -> None:
        if state.down:
            raise NVMLError("Driver Not Loaded")
        state.opened += 1

    def shutdown() -> None:
        state.opened -= 1

    def by_index(number: int) -> int:
        if number >= len(NAMES):
            raise NVMLError("Invalid Argument")
        return number

    module.NVMLError = NVMLError
    module.nvmlInit, module.nvmlShutdown = init, shutdown
    module.nvmlDeviceGetHandleByIndex = by_index
    module.nvmlDeviceGetHandleByUUID = lambda uuid: int(uuid.removeprefix("GPU-"))
    module.nvmlDeviceGetName = lambda handle: NAMES[handle].encode()
    module.__spec__ = importlib.util.spec_from_loader("pynvml", loader=None)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield state
    assert state.opened == 0


def test_devices_become_targets_by_the_name_that_the_driver_reports(driver: Any) -> None:
    assert resolve_device("cuda").name == "rtx3090"
    assert resolve_device("cuda:0").name == "rtx3090"
    assert resolve_device("cuda:1").name == "h200"


def test_unknown_device_names_the_known_ones(driver: Any) -> None:
    with pytest.raises(UserError) as caught:
        resolve_device("cuda:2")
    told = str(caught.value)
    assert "'cuda:2' is 'NVIDIA Tegra'" in told
    assert "'NVIDIA H200' (h200)" in told
    assert "'NVIDIA GeForce RTX 3090' (rtx3090)" in told
    assert "\n" not in told


def test_only_visible_devices_are_counted(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-0")
    assert resolve_device("cuda:0").name == "h200"
    assert resolve_device("cuda:1").name == "rtx3090"
    with pytest.raises(UserError, match="'cuda:2' cannot be reached.*shows 2 devices"):
        resolve_device("cuda:2")


def test_absent_device_and_absent_driver(driver: Any) -> None:
    with pytest.raises(UserError, match="'cuda:9' cannot be reached.*Invalid Argument"):
        resolve_device("cuda:9")
    driver.down = True
    with pytest.raises(UserError, match="'cuda:0' cannot be reached.*Driver Not Loaded"):
        resolve_device("cuda:0")
