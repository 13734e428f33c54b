"""Pictures of a service's dashboard, and of a run's report, in Chromium without a window.

    python -m benchmarks.dashboard_pictures --live 3 --out docs/images
    python -m benchmarks.dashboard_pictures --out docs/images

With ``--live`` it waits until that job runs and tells its progress, and takes the picture of its
page. Without, it takes the lists of jobs, devices, runs and tables, the newest table and run, the
run with where the latency of one architecture goes, light and dark, and the run's report. Errors of
the pages and requests to other servers fail it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luts import cli
from luts.errors import UserError
from luts.files import writable_folder

if TYPE_CHECKING:
    from evolution.client import Client
    from tests.evolution.service.browsers import Browser

_FAILED = 1
_LIVE_S, _LOOK_S = 3600.0, 0.5
_DRAWN = "document.querySelector('.plot .main-svg') !== null"


def main(
    server: Annotated[str, typer.Option(help="URL of the service.")] = "http://127.0.0.1:8080",
    token: Annotated[str | None, typer.Option(envvar="METRONAS_TOKEN", help="Token.")] = None,
    live: Annotated[int | None, typer.Option(min=1, help="Job to be shown while it runs.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("runs/pictures"),
) -> int:
    """Takes pictures of what the dashboard shows."""
    from evolution.client import Client
    from tests.evolution.service.browsers import browser, chromium

    if chromium() is None:
        raise UserError("Chromium is not installed")
    server = server.rstrip("/")
    writable_folder(out)
    # What the browser still writes while its profile is removed is no reason to fail.
    with (Client(server, token) as client,
          tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
          browser(Path(profile)) as opened):
        opened.show(server + "/")
        opened.until("document.querySelector('header nav') !== null")
        if token is not None:
            opened.value(f"sessionStorage.setItem('token', {token!r})")
        taker = _Taker(opened, server, out)
        if live is not None:
            _await_progress(client, live)
            taker.page(f"jobs/{live}", "job-live", "document.querySelector('main pre')?.innerText "
                       "&& document.querySelector('main progress') !== null")
        else:
            _all(taker, client)
        outside = [asked for asked in opened.asked
                   if not asked.startswith((server, "blob:", "data:", "about:"))]
        for said in [*opened.complaints, *outside]:
            print(f"complaint: {said}")
        return _FAILED if opened.complaints or outside else 0


class _Taker:
    """Goes to pages of the dashboard and keeps what is seen."""

    def __init__(self, opened: Browser, server: str, out: Path) -> None:
        self.opened, self.server, self._out = opened, server, out

    def page(self, place: str, name: str, ready: str) -> None:
        """Shows a section once an expression holds there."""
        self.opened.show(f"{self.server}/#/{place}")
        self.opened.until(ready)
        self.take(name)

    def take(self, name: str) -> None:
        """Keeps what is seen."""
        path = self._out / f"dashboard-{name}.png"
        self.opened.picture(path)
        print(path)


def _await_progress(client: Client, number: int) -> None:
    until_s = time.monotonic() + _LIVE_S
    while (job := client.job(number))["progress_done"] is None:
        if job["state"] not in ("queued", "running") or time.monotonic() > until_s:
            raise UserError(f"job {number} is {job['state']} and told no progress")
        time.sleep(_LOOK_S)


def _all(taker: _Taker, client: Client) -> None:
    rows = "document.querySelector('main table tbody tr, main table tr + tr') !== null"
    for section in ("jobs", "devices", "runs", "tables"):
        taker.page(section, section, rows)
    tables, runs = client.list("tables"), client.list("runs")
    if tables:
        taker.page(f"tables/{tables[0]['id']}", "table",
                   "document.querySelector('main dl') !== null")
    if not runs:
        print("no run yet: no picture of one")
        return
    for scheme, name in (("light", "run"), ("dark", "run-dark")):
        taker.opened.scheme(scheme)
        taker.page(f"runs/{runs[0]['id']}", f"{name}-whole", _DRAWN)
        # The first of the front, as the keyboard shows it.
        taker.opened.value("document.querySelector('.plot').focus()")
        taker.opened.until("document.querySelector('.details h3') !== null")
        taker.opened.value("document.querySelector('.details').scrollIntoView({block: 'end'})")
        taker.take(name)
    taker.opened.scheme("light")
    if len(runs) > 1:
        both = ",".join(str(run["id"]) for run in runs[:2])
        taker.page(f"compare/{both}", "comparison",
                   "document.querySelector('#hypervolume .main-svg') !== null")
    _report(taker, client, runs[0])


def _report(taker: _Taker, client: Client, run: dict[str, Any]) -> None:
    """The run's own page, opened by a ticket as the dashboard opens it."""
    files = client.list(f"jobs/{run['job_id']}/artifacts")
    number = next((file["id"] for file in files if file["path"] == "run/report.html"), None)
    if number is None:
        raise UserError(f"run {run['id']} has no report")
    address = taker.opened.value(
        f"import('/static/api.js').then((api) => api.ask('/artifacts/{number}/ticket', "
        "{ method: 'POST' })).then((ticket) => ticket.url)")
    taker.opened.show(taker.server + address)
    taker.opened.until("location.pathname.startsWith('/view/') && document.readyState === "
                       "'complete' && document.querySelector('h1') !== null")
    taker.take("report")


if __name__ == "__main__":
    cli.run(main)
