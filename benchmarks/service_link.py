"""Does a job get lost or repeated, or a device held by two, when a worker's network is cut?

    python -m benchmarks.service_link --cut 60

Two workers run in network namespaces of their own, each with a cable to the server (as the root of
a user namespace, which needs no rights). While toy jobs are queued, one worker's cable is cut and
mended, then the other's. Every job must have ended exactly once with the result of an undisturbed
one; no two leases of a device or a job may overlap by the database, and no job may run in two
places at the same moment by the machine's list of processes. Needs Linux with iproute2.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import _arguments
from luts import cli
from luts.files import write_json

if TYPE_CHECKING:
    from benchmarks._links import Cable
    from benchmarks._service import Process
    from evolution.client import Client

_FAILED, _PORT = 1, 8080
_GIVEN_UP_S = 600.0
_AHEAD = 4  # jobs that wait or run at any time before the last cable is mended


def main(
    cut: Annotated[float, typer.Option(min=1, help="Seconds that a cable stays cut.")] = 60.0,
    lease: Annotated[float, typer.Option(min=1, help="Length of a lease in seconds.")] = 10.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a job, 0.05 s each.")] = 200,
    cuts: Annotated[int, typer.Option(min=1, help="Cuts, of one worker after the other.")] = 2,
    out: _arguments.FiguresFile = None,
) -> int:
    """Cuts and mends the network of workers, and looks at what became of the jobs."""
    from benchmarks._links import cables, go_inside

    code = go_inside()
    if code is not None:
        return code
    with tempfile.TemporaryDirectory(prefix="metronas-link-") as name, cables(2) as tied:
        figures = {"cut_s": cut, "lease_s": lease, **_watch(Path(name), tied, cut, lease, steps,
                                                            cuts)}
    _show(figures)
    if out is not None:
        write_json(out, figures)
    bad = figures["wrong"] or figures["overlaps"] or figures["doubles"] or figures["left_running"]
    return _FAILED if bad else 0


def _watch(folder: Path, tied: list[Cable], cut: float, lease: float, steps: int, cuts: int
           ) -> dict[str, Any]:
    from benchmarks._doubles import Doubles
    from benchmarks._service import Process, await_ended, await_server
    from benchmarks._service_verdict import overlaps, still_running, what_is_wrong
    from evolution.client import Client

    data, url = folder / "data", f"http://127.0.0.1:{_PORT}"
    serve = ["evolution.serve", "--data", str(data), "--port", str(_PORT)]
    token = _new_token(data)
    processes = [Process([*serve, "--host", "0.0.0.0", "--lease-seconds", str(lease),
                          "--attempts", "1000"], folder / "server.log")]
    doubles = Doubles(folder)
    try:
        await_server(url, folder)
        with Client(url, token) as client:
            rack = _worker_token(client)
            processes += [_worker(folder, number, cable, rack)
                          for number, cable in enumerate(tied)]
            jobs: list[int] = []
            happened = []
            for number in range(cuts):
                happened.append(_cut(client, tied, number % len(tied), cut, steps, jobs))
            await_ended(client, jobs, _GIVEN_UP_S)
            wrong = [said for n in jobs if (said := what_is_wrong(client, n, steps, folder))]
            leases = sum(client.job(n)["attempts"] for n in jobs)
    finally:
        for process in reversed(processes):
            process.stop()
        doubles.close()
    return {"cuts": happened, "jobs": len(jobs), "leases": leases, "wrong": wrong,
            "overlaps": overlaps(data), "doubles": doubles.found, "looks": doubles.looks,
            "left_running": still_running(str(folder))}


def _cut(client: Client, tied: list[Cable], number: int, cut: float, steps: int, jobs: list[int]
         ) -> dict[str, Any]:
    """Cuts one cable while its worker has a job; says what the server saw meanwhile."""
    from benchmarks._service import has_ended

    def wait(condition: Any) -> None:
        until_s = time.monotonic() + max(cut, _GIVEN_UP_S / 10)
        while time.monotonic() < until_s and not condition():
            missing = _AHEAD - sum(not has_ended(client, n) for n in jobs)
            jobs.extend(client.submit("train", steps=steps, seed=0)["id"] for _ in range(missing))
            time.sleep(0.2)

    def holds() -> int | None:
        held: int | None = next((device["job_id"] for device in client.list("devices")
                                 if device["name"] == f"cuda:{number}"), None)
        return held

    wait(holds)
    job = holds()
    tied[number].cut()
    began_s = time.monotonic()
    wait(lambda: time.monotonic() - began_s > cut)
    taken_away = holds() != job
    tied[number].mend()
    mended_s = time.monotonic()
    wait(holds)
    return {"worker": number, "job": job, "taken_away": taken_away,
            "cut_s": round(mended_s - began_s, 1),
            "works_again_after_s": round(time.monotonic() - mended_s, 1) if holds() else None}


def _new_token(data: Path) -> str:
    from evolution.service.accounts import Role, add_token
    from evolution.service.core import Service
    from evolution.service.settings import Settings

    service = Service.open(Settings(data=data))
    with service.database.write() as session:
        token = add_token(session, "ann", Role.admin, service.clock())
    service.close()
    return token


def _worker_token(client: Client) -> str:
    token: str = client._ask("POST", "/tokens", json={"user": "rack", "role": "worker"}
                             ).json()["token"]
    client._ask("PUT", "/users/ann/quota", json={"max_running": 100, "max_queued": 1000})
    return token


def _worker(folder: Path, number: int, cable: Cable, token: str) -> Process:
    from benchmarks._service import Process

    return Process(
        ["benchmarks._toy_worker", f"http://{cable.server}:{_PORT}",
         str(folder / f"work-{number}"), f"cuda:{number}"], folder / f"worker-{number}.log",
        cable.inside, {"METRONAS_TOKEN": token})


def _show(figures: dict[str, Any]) -> None:
    from benchmarks._figures import show

    show("Cuts", ["worker", "its job", "cut (s)", "job taken away", "works again after (s)"],
         [[cut["worker"], cut["job"], cut["cut_s"], "yes" if cut["taken_away"] else "no",
           cut["works_again_after_s"]] for cut in figures["cuts"]])
    print(f"{figures['jobs']} jobs, {figures['leases']} leases; jobs that did not end exactly once "
          f"with the right result: {len(figures['wrong'])}; leases that overlap: "
          f"{figures['overlaps']}; jobs seen in two places in {figures['looks']} looks: "
          f"{len(figures['doubles'])}; left running: {figures['left_running']}")
    for said in figures["wrong"]:
        print(said)


if __name__ == "__main__":
    cli.run(main)
