"""The dashboard in a browser: pointed at, walked through by keys, light and dark."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evolution.client import Client
from evolution.service.accounts import Role, add_token
from evolution.service.core import Service
from evolution.service.store.models import Device, Resource
from tests.evolution.service.browsers import Browser, browser, chromium
from tests.evolution.service.runs import add_run, export_jobs, search
from tests.evolution.service.sites import listening, settings

pytestmark = pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
_MOVES, _MOVE_S = 20, 0.2
# Where an architecture is drawn, in CSS pixels.
PLACE = """(() => {
  const plot = document.querySelector(".plot"), { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect(), [x, y] = [%r, %r];
  return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
})()"""
CONTRAST = """((text, back) => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [light(text), light(back)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
})(%r, %r)"""


@dataclass
class Desk:
    """A browser before a service with two runs."""

    browser: Browser
    client: Client
    url: str

    def run(self, number: int = 1) -> Browser:
        self.browser.show(f"{self.url}/#/runs/{number}")
        self.browser.until("document.querySelector('.plot .main-svg') !== null")
        return self.browser

    def points(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client._ask("GET", "/runs/1/points").json()
        return found

    def point(self, marked: dict[str, Any], *, click: bool = False) -> None:
        shown = ("document.querySelector('.details h3')?.innerText === "
                 f"'Architecture {marked['number']}'")
        for _ in range(_MOVES):
            # What is told beside the plot may have moved it: a hand would follow.
            x, y = place = self.browser.value(PLACE % (marked["latency_ms"], marked["error"]))
            self.browser.point(x - 2, y - 2)
            self.browser.point(x, y)
            time.sleep(_MOVE_S)
            if self.browser.value(shown):
                break
        self.browser.until(shown)
        if click:
            self.browser.point(*place, click=True)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("desk")
    service = Service.open(settings(root / "data"))
    for number in (1, 2):
        add_run(service, search(root / f"run{number}", seed=number))
    with service.database.write() as session:
        session.add(Device(machine="box", name="cpu", target="cpu", seen_at_s=time.time(), info={
            "findings": [{"check": "governor", "state": "bad", "found": "it is powersave"},
                         {"check": "load", "state": "warn", "found": "load average 1.5"}]}))
        session.add(Resource(
            kind="table", target="cpu", key="a-table", origin="upload", files=[], user_id=1,
            job_id=None, created_at_s=0.0, info={
                "rows": 12, "device": {"model": "A Processor", "governors": ["performance"]}}))
    with listening(service) as url, Client(url) as client, browser(root / "profile") as opened:
        yield Desk(opened, client, url)
        assert opened.complaints == []
        outside = [asked for asked in opened.asked
                   if not asked.startswith((url, "blob:", "data:", "about:"))]
        assert outside == []


def told(opened: Browser) -> list[list[str]]:
    """Parts and latencies that the page shows."""
    found: list[list[str]] = opened.value(
        "[...document.querySelectorAll('.details tr')].map((row) => "
        "[row.cells[0].innerText, row.cells[2].innerText])")
    return found


def wanted(points: dict[str, Any], marked: dict[str, Any]) -> list[list[str]]:
    rest = marked["latency_ms"] - sum(marked["parts_ms"])
    return [[name, f"{ms:.2f} ms"] for name, ms in
            [*zip(points["parts"], marked["parts_ms"], strict=True), ("beyond the parts", rest)]]


def test_pointing_at_an_architecture_shows_where_its_latency_goes(desk: Desk) -> None:
    opened, points = desk.run(), desk.points()
    assert told(opened) == []
    # The winner's star lies where it was measured, over its point.
    winner = {**points["points"][points["winner"] - 1],
              "latency_ms": points["best"]["measured_latency_ms"]}
    others = [point for point in points["points"] if point["front"]
              and point["number"] != points["winner"]]
    for marked in [*others[:2], winner]:
        desk.point(marked)
        assert told(opened) == wanted(points, points["points"][marked["number"] - 1])
        assert opened.value("document.querySelector('.details .bar').offsetWidth") > 0


def test_the_keyboard_goes_through_all_and_along_the_front(desk: Desk) -> None:
    opened, points = desk.run(), desk.points()
    every = sorted(points["points"], key=lambda point: point["latency_ms"])
    front = [point for point in every if point["front"]]
    opened.value("document.querySelector('.plot').focus()")

    def expect(point: dict[str, Any]) -> None:
        assert opened.value("document.querySelector('.details h3').innerText") == (
            f"Architecture {point['number']}")
        assert told(opened) == wanted(points, point)

    expect(front[0])
    for key, point in [("ArrowDown", front[1]), ("ArrowDown", front[2]), ("ArrowUp", front[1]),
                       ("Home", every[0]), ("ArrowLeft", every[0]), ("ArrowRight", every[1]),
                       ("End", every[-1])]:
        opened.press(key)
        expect(point)
    # What is looked at is marked in the plot, too.
    opened.until("document.querySelector('.plot .hoverlayer .hovertext') !== null")
    opened.press("Enter")
    opened.until("document.querySelector('dialog[open] dl') !== null")
    assert f"architecture {every[-1]['number']}" in opened.value(
        "document.querySelector('dialog[open] h2').innerText").lower()
    opened.press("Escape")
    opened.until("document.querySelector('dialog[open]') === null")


def test_a_click_exports(desk: Desk, tmp_path: Path) -> None:
    opened, points = desk.run(), desk.points()
    opened.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    winner = min(points["points"], key=lambda point: point["error"])
    other = next(point for point in points["points"] if point["front"] and point != winner)
    desk.point(other, click=True)
    opened.until("document.querySelector('dialog[open] dl') !== null")
    button = "[...document.querySelectorAll('dialog[open] button')].find(b => b.innerText === %r)"
    opened.value((button % "Save as JSON") + ".click()")
    name = f"run-1-architecture-{other['number']}.json"
    for _ in range(600):
        if (tmp_path / name).exists():
            break
        opened.value("new Promise((resolve) => setTimeout(resolve, 50))")
    saved = json.loads((tmp_path / name).read_text())
    assert saved == desk.client._ask("GET", f"/runs/1/architectures/{other['number']}").json()
    assert saved["vector"] == other["vector"]
    opened.value("document.querySelector('dialog[open] [aria-label=Precision]').value = 'int8'")
    opened.value((button % "Make a bundle") + ".click()")
    opened.until("document.querySelector('dialog[open] [role=status] a') !== null")
    (job,) = export_jobs(desk.client)
    assert (job["parameters"]["run"], job["parameters"]["point"]) == (1, other["number"])
    assert job["parameters"]["precision"] == "int8"
    # What the service refuses is said where it was asked.
    opened.value("document.querySelector('dialog[open] [aria-label=Format]').value = 'tensorrt'")
    opened.value((button % "Make a bundle") + ".click()")
    opened.until("document.querySelector('dialog[open] .bad')?.innerText.includes('GPUs')")
    opened.complaints.clear()  # the browser notes the refusal as an error


def test_prediction_is_shown_against_measurement(desk: Desk) -> None:
    opened = desk.run()
    names = opened.until("document.querySelector('#calibration.js-plotly-plot')"
                         "?.data.map((trace) => trace.name)")
    assert {"networks of the table", "verified winner", "measured = predicted"} <= set(names)
    opened.until("document.querySelectorAll('#calibration .points path').length > 10")
    opened.until("document.querySelector('#convergence .main-svg') !== null")


def test_runs_are_chosen_by_keyboard_and_compared(desk: Desk) -> None:
    opened = desk.browser
    opened.show(f"{desk.url}/#/runs")
    opened.until("document.querySelectorAll('main [type=checkbox]').length === 2")
    button = "document.querySelector('main p button')"
    assert opened.value(f"{button}.disabled") is True
    for number in (0, 1):
        opened.value(f"document.querySelectorAll('main [type=checkbox]')[{number}].focus()")
        opened.press(" ")
    assert opened.value(f"{button}.innerText") == "Compare 2"
    opened.value(f"{button}.focus()")
    opened.press("Enter")
    opened.until("document.querySelector('#hypervolume .main-svg') !== null")
    assert opened.value("location.hash") == "#/compare/2,1"
    rows = opened.value("[...document.querySelectorAll('main tr')].map((row) => "
                        "[...row.cells].map((cell) => cell.innerText))")
    assert rows[0][1:] == ["run-2", "run-1"]
    assert ["seed", "2", "1"] in rows
    for name in ("winners", "best", "hypervolume"):
        assert opened.value(f"document.getElementById({name!r}).data.length") == 2


def test_a_device_tells_its_health(desk: Desk) -> None:
    opened = desk.browser
    opened.show(f"{desk.url}/#/devices")
    row = opened.until("document.querySelector('main tbody tr')?.innerText")
    assert "; bad: governor; doubtful: load" in row
    assert "it is powersave" in opened.value("document.querySelector('main tbody [title]').title")


def test_a_table_tells_its_provenance(desk: Desk) -> None:
    opened = desk.browser
    opened.show(f"{desk.url}/#/tables/3")
    text = opened.until("document.querySelector('main dl dl')?.innerText")
    assert "A Processor" in text
    assert "performance" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read(desk: Desk, scheme: str) -> None:
    opened = desk.browser
    opened.scheme(scheme)
    desk.run()
    back = opened.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) < 384) == (scheme == "dark")
    for text in ("--text", "--soft", "--accent", "--good", "--bad", "--busy", "--wait"):
        for ground in ("--back", "--panel"):
            assert opened.value(CONTRAST % (text, ground)) > 4.5, (text, ground)
    colour = opened.value("document.querySelector('.plot .xtitle').style.fill")
    assert colour == opened.value("getComputedStyle(document.body).color")
    # Nothing hangs over the edge of a laptop's screen.
    assert opened.value("document.documentElement.scrollWidth <= innerWidth") is True


def test_everything_has_a_name_and_can_be_reached(desk: Desk) -> None:
    opened = desk.run()
    unnamed = opened.value(
        "[...document.querySelectorAll('button, a, input, select, [tabindex]')].filter((one) => "
        "one.tabIndex >= 0 && !(one.getAttribute('aria-label') || one.innerText || "
        "one.labels?.[0]?.innerText)).map((one) => one.outerHTML)")
    assert unnamed == []
    opened.value("document.activeElement.blur()")
    reached = set()
    for _ in range(12):
        opened.press("Tab")
        reached.add(opened.value("document.activeElement.getAttribute('aria-label') || "
                                 "document.activeElement.innerText"))
    assert {"Jobs", "Runs", "Token", "Open its report",
            "Latency and error of every scored architecture"} <= reached


def test_a_token_is_asked_for_and_kept(desk: Desk, tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path))
    with service.database.write() as session:
        token = add_token(session, "ann", Role.admin, 0.0)
    opened = desk.browser
    with listening(service) as url:
        opened.show(f"{url}/#/runs")
        opened.until("document.querySelector('#ask[open]') !== null")
        opened.value(f"document.getElementById('given').value = {token!r}")
        opened.value("document.querySelector('#ask button[value=ok]').click()")
        opened.until("document.querySelector('main').innerText.includes('No search has ended')")
        assert opened.value("document.getElementById('notice').hidden") is True
    opened.asked[:] = [asked for asked in opened.asked if not asked.startswith(url)]
    opened.complaints.clear()


def test_files_are_removed_after_a_second_click(desk: Desk, tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data"))
    add_run(service, search(tmp_path / "run", seed=3))
    with service.database.write() as session:
        session.add(Resource(
            kind="table", target="cpu", key="a-table", origin="upload", files=[], user_id=1,
            job_id=None, created_at_s=0.0, info={"rows": 12}))
    opened = desk.browser
    with listening(service) as url, Client(url) as client:
        for place, label, gone in (
            ("jobs/1", "Remove files and log", "Its files and its log were removed"),
            ("tables/2", "Remove this upload", "Removed"),
        ):
            opened.show(f"{url}/#/{place}")
            button = ("[...document.querySelectorAll('main button')]"
                      f".find(b => [{label!r}, 'Remove for good?'].includes(b.innerText))")
            opened.until(f"{button} !== undefined")
            opened.value(f"{button}.focus()")
            opened.value(f"{button}.click()")
            assert opened.value(f"{button}.innerText") == "Remove for good?"
            # Who turns away has not agreed.
            opened.value(f"{button}.blur()")
            assert opened.value(f"{button}.innerText") == label
            assert client.list("tables")
            assert client._ask("GET", "/jobs/1").json()["files_removed_at_s"] is None or (
                place != "jobs/1")
            opened.value(f"{button}.click()")
            opened.value(f"{button}.click()")
            opened.until(f"document.querySelector('main').innerText.includes({gone!r})")
            opened.until(f"{button} === undefined")
        assert client._ask("GET", "/jobs/1").json()["files_removed_at_s"] is not None
        assert client.list("tables") == []
    opened.asked[:] = [asked for asked in opened.asked if not asked.startswith(url)]
    # The page may have asked for the files while they went.
    opened.complaints[:] = [said for said in opened.complaints if "410" not in said]
