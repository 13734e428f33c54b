"""Command line: submits, lists, follows, cancels, downloads."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luts import cli
from luts.errors import UserError

if TYPE_CHECKING:
    from evolution.service.client.api import Client

_Server = Annotated[str, typer.Option(envvar="METRONAS_SERVER", help="URL of the service.")]
_Token = Annotated[str | None, typer.Option(
    envvar="METRONAS_TOKEN", help="API token; better in the environment.")]
_Number = Annotated[int, typer.Argument(min=1, help="Number of the job.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_HERE = "http://127.0.0.1:8080"
_FAILED = 1
_HELP = """Talks to a service. Its URL and token can stand in METRONAS_SERVER and METRONAS_TOKEN.

Examples:

  python -m evolution.client search --target cpu --latency 80% --follow

  python -m evolution.client estimate resnet18.onnx --target cpu --server http://queue:8080

  python -m evolution.client list runs --json
"""


def _connect(server: str, token: str | None) -> Client:
    from evolution.service.client.api import Client

    return Client(server, token)


def submit(
    kind: Annotated[str, typer.Argument(help="profile, library, fit, train, search, verify, "
                                             "export, estimate or measure.")],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Such as target=cpu.")
    ] = None,
    *,
    model: Annotated[Path | None, typer.Option(help="ONNX file to upload for it.")] = None,
    priority: Annotated[int, typer.Option(min=0, max=9, help="The higher goes first.")] = 5,
    key: Annotated[str | None, typer.Option(help="The same key gives the same job.")] = None,
    follow_it: Annotated[bool, typer.Option("--follow", help="Wait, and show its log.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Wait, and download its files into this folder.")
    ] = None,
    server: _Server = _HERE,
    token: _Token = None,
) -> int:
    """Submits a job; prints its number.

    For instance:

        python -m evolution.client submit search target=cpu latency=80% --follow

        python -m evolution.client submit estimate target=cpu --model resnet18.onnx
    """
    given = dict(_pair(text) for text in parameters or [])
    with _connect(server, token) as client:
        if model is not None:
            if not model.is_file():
                raise UserError(f"no model file '{model}'")
            given["model"] = client.upload_model(model)["id"]
        job = client.submit(kind, priority=priority, key=key, **given)
        print(job["id"], flush=True)
        code = _follow(client, job["id"]) if follow_it or out is not None else 0
        if out is not None:
            client.download(job["id"], out)
        return code


def show(
    what: Annotated[str, typer.Argument(help="jobs, devices, tables, predictors, libraries, "
                                             "trainings, runs, models, targets, recipes or usage.")
                    ] = "jobs",
    *,
    as_json: _Json = False,
    server: _Server = _HERE,
    token: _Token = None,
) -> None:
    """Lists jobs, devices, tables, runs and so on."""
    from evolution.service.client.listing import KINDS, print_list

    if what not in KINDS:
        raise UserError(f"cannot list '{what}'; known: {', '.join(KINDS)}")
    with _connect(server, token) as client:
        found = client.list(what)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print_list(what, found)


def follow(number: _Number, *, server: _Server = _HERE, token: _Token = None) -> int:
    """Shows a job's log until it ends; the exit code is 0 where it is done, else 1."""
    with _connect(server, token) as client:
        return _follow(client, number)


def cancel(number: _Number, *, server: _Server = _HERE, token: _Token = None) -> None:
    """Cancels a job."""
    with _connect(server, token) as client:
        job = client.cancel(number)
    print(f"job {number}: {'cancelling' if job['state'] == 'running' else job['state']}")


def download(
    number: _Number,
    *,
    out: Annotated[Path | None, typer.Option(help="Folder [job-NUMBER].")] = None,
    server: _Server = _HERE,
    token: _Token = None,
) -> None:
    """Downloads all files of a job."""
    with _connect(server, token) as client:
        for path in client.download(number, out or Path(f"job-{number}")):
            print(path)


def upload_table(
    folder: Annotated[Path, typer.Argument(help="Folder of a latency table.")],
    *,
    server: _Server = _HERE,
    token: _Token = None,
) -> None:
    """Uploads a latency table that was measured elsewhere; prints its number."""
    if not (folder / "table.json").is_file():
        raise UserError(f"'{folder}' holds no latency table: it has no table.json")
    with _connect(server, token) as client:
        print(client.upload_table(folder)["id"])


def remove(
    what: Annotated[str, typer.Argument(help="models or tables: an upload; jobs: the files and "
                                             "the log of one that has ended.")],
    number: Annotated[int, typer.Argument(min=1, help="Number of the upload, or of the job.")],
    *,
    server: _Server = _HERE,
    token: _Token = None,
) -> None:
    """Removes an upload, or the files of a job; one's own, or as an admin anybody's.

    For instance:

        python -m evolution.client remove models 7

        python -m evolution.client remove jobs 3
    """
    known = ("models", "tables", "jobs")
    if what not in known:
        raise UserError(f"cannot remove '{what}'; known: {', '.join(known)}")
    with _connect(server, token) as client:
        client.remove(what, number)
    print(f"{'files of job' if what == 'jobs' else what.removesuffix('s')} {number}: removed")


def main() -> None:
    """Runs the command that is named."""
    from evolution.service.client.commands import kind_commands

    cli.run_all({"submit": submit, **kind_commands(submit), "list": show, "follow": follow,
                 "cancel": cancel, "download": download, "upload-table": upload_table,
                 "remove": remove},
                _HELP, interrupted="jobs that were submitted go on")


def _follow(client: Client, number: int) -> int:
    state = ""
    for event in client.follow(number):
        data = event["data"]
        if event["event"] == "log":
            print(data["line"], flush=True)
        elif event["event"] == "state":
            said = f": {data['message']}" if data.get("message") else ""
            print(f"job {number}: {data['state']}{said}", file=sys.stderr, flush=True)
        elif event["event"] == "end":
            state = data["state"]
    return 0 if state == "done" else _FAILED


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise UserError(f"'{text}' must be NAME=VALUE, such as target=cpu")
    try:
        return name, json.loads(value, parse_constant=_no_number)
    except ValueError:
        return name, value


def _no_number(text: str) -> None:
    raise ValueError(text)
