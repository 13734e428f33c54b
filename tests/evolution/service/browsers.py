"""Chromium without a window, driven over its DevTools protocol by a pair of pipes."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

_WAIT_S, _END_S, _LOOK_S = 30.0, 2.0, 0.05
# The protocol's: commands are read there, answers are written there.
_COMMANDS, _ANSWERS = 3, 4
_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), " ": (32, " "),
         "ArrowLeft": (37, ""), "ArrowUp": (38, ""), "ArrowRight": (39, ""), "ArrowDown": (40, ""),
         "Home": (36, ""), "End": (35, "")}


def chromium() -> str | None:
    """The browser's command, where there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A browser with one tab.

    Attributes:
        asked: addresses of all requests.
        complaints: errors of the page's scripts, and what the browser says of its resources.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._rest, self._number, self._session = b"", 0, None
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def attach(self) -> Self:
        target = self.call("Target.createTarget", url="about:blank")
        self._session = self.call("Target.attachToTarget", flatten=True, **target)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=1280, height=800,
                  deviceScaleFactor=1, mobile=False)
        return self

    def call(self, method: str, **parameters: Any) -> Any:
        """One command and its answer."""
        self._number += 1
        said = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            said["sessionId"] = self._session
        os.write(self._commands, json.dumps(said).encode() + b"\0")
        until_s = time.monotonic() + _WAIT_S
        while time.monotonic() < until_s:
            for message in self._read():
                if message.get("id") == self._number:
                    assert "error" not in message, f"{method}: {message['error']}"
                    return message["result"]
                self._note(message)
        raise AssertionError(f"the browser did not answer {method}")

    def _read(self) -> Iterator[dict[str, Any]]:
        if select.select([self._answers], [], [], _LOOK_S)[0]:
            self._rest += os.read(self._answers, 1 << 20)
        *whole, self._rest = self._rest.split(b"\0")
        yield from map(json.loads, whole)

    def _note(self, message: dict[str, Any]) -> None:
        said = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(said["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["exceptionDetails"])[:500])
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self.complaints.append(said["entry"]["text"] + said["entry"].get("url", ""))

    def show(self, url: str) -> None:
        """Goes to a page, from an empty one."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript comes to."""
        said = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                         awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def until(self, expression: str) -> Any:
        """Waits until an expression is true, or something else that counts as true."""
        until_s = time.monotonic() + _WAIT_S
        while time.monotonic() < until_s:
            if found := self.value(expression):
                return found
            time.sleep(_LOOK_S)
        body = self.value("document.body.innerText")
        raise AssertionError(f"not within {_WAIT_S:g} s: {expression}; {self.complaints}; {body}")

    def press(self, key: str) -> None:
        """A key, as a keyboard sends it."""
        code, text = _KEYS[key]
        named = {"key": key, "windowsVirtualKeyCode": code, "code": "Space" if key == " " else key}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text,
                  **named)
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def point(self, x: float, y: float, *, click: bool = False) -> None:
        """The mouse to a place in CSS pixels."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                          clickCount=1)

    def scheme(self, name: str) -> None:
        """Light or dark."""
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path: Path) -> None:
        """What is seen, as PNG."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A running browser whose files lie in a folder."""
    # Above the numbers that the child needs, which this process may have free.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for pipe in (os.pipe(), os.pipe())
            for end in pipe]
    from_us, to_it, from_it, to_us = ends

    def numbered() -> None:
        os.dup2(from_us, _COMMANDS)
        os.dup2(to_us, _ANSWERS)

    process = subprocess.Popen(
        [chromium() or "", "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-background-networking", "--no-first-run", "--disable-dev-shm-usage",
         f"--user-data-dir={folder}", "--window-size=1280,800", "--remote-debugging-pipe"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        pass_fds=(_COMMANDS, _ANSWERS), preexec_fn=numbered,  # noqa: PLW1509
        start_new_session=True)
    os.close(from_us)
    os.close(to_us)
    try:
        yield Browser(to_it, from_it).attach()
    finally:
        os.close(to_it)
        os.close(from_it)
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a browser and all its helpers.

    Helpers live on for a moment after the browser has gone, and write into a folder that may be
    removed next.
    """
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    until_s = time.monotonic() + _END_S
    while time.monotonic() < until_s:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        # Where nothing reaps orphans the group never empties, but writes no more.
        time.sleep(_LOOK_S)
