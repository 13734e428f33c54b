"""Command line: the service that queues jobs for a team's devices."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luts import cli
from luts.errors import UserError

if TYPE_CHECKING:
    from evolution.service.settings import Settings


def main(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 8080,
    data: Annotated[Path, typer.Option(help="Folder of files and database.")] = Path(
        "metronas-service"),
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Database [SQLite in --data], such as "
                     "postgresql+psycopg://user@host/metronas."),
    ] = None,
    new_token: Annotated[
        str | None,
        typer.Option(metavar="USER:ROLE", help="Make a token (roles viewer, submitter, admin, "
                     "worker), print it, and stop."),
    ] = None,
    lease_seconds: Annotated[
        float, typer.Option(min=1, help="A worker that is silent for so long loses its job.")
    ] = 60.0,
    attempts: Annotated[
        int, typer.Option(min=1, help="Lost leases after which a job fails.")
    ] = 5,
    requests_per_second: Annotated[
        float, typer.Option(min=1, help="What one token may ask in the long run.")
    ] = 50.0,
    upload_gib: Annotated[
        float, typer.Option(min=0, help="Most uploads that a user keeps, in GiB; admins can set "
                            "another limit for each.")
    ] = 20.0,
    keep_days: Annotated[
        float | None,
        typer.Option(min=1, help="Days after which files of ended jobs are removed, unless what "
                     "is kept came from them. Default: they are kept for ever."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Further name under which browsers may reach a service without tokens; "
                     "repeatable."),
    ] = None,
) -> None:
    """Serves jobs, tables, runs and a dashboard over HTTP, until it is stopped.

    While no token was made, it listens on this machine alone, and whoever can reach it there may do
    all. The first token must be an admin's.

    For instance:

        python -m evolution.serve --data /var/lib/metronas

        python -m evolution.serve --data /var/lib/metronas --new-token ann:admin

        python -m evolution.serve --host 0.0.0.0 --port 8080 --data /var/lib/metronas

        python -m evolution.serve --database postgresql+psycopg://metronas@db/metronas

        python -m evolution.serve --data /var/lib/metronas --keep-days 90 --upload-gib 5
    """
    for option, value in (("--lease-seconds", lease_seconds), ("--upload-gib", upload_gib),
                          ("--requests-per-second", requests_per_second),
                          ("--keep-days", keep_days)):
        if value is not None and not math.isfinite(value):
            raise UserError(f"{option} '{value}' must be a finite number")
    from evolution.service.queue.records import Limits
    from evolution.service.settings import Settings

    limits = Limits(lease_s=lease_seconds, attempts=attempts, affinity_s=2 * lease_seconds)
    settings = Settings(
        data=data, database=database, host=host, port=port, limits=limits,
        poll_s=min(2.0, lease_seconds / 4), requests_per_s=requests_per_second,
        burst=max(200, int(4 * requests_per_second)), hosts=tuple(allow_host or ()),
        upload_bytes=int(upload_gib * 2**30), keep_days=keep_days)
    if new_token is not None:
        print(_new_token(settings, new_token))
        return
    from evolution.service.running import run

    run(settings)


def _new_token(settings: Settings, text: str) -> str:
    from evolution.service.accounts import Role, add_token, has_tokens
    from evolution.service.core import DATABASE, Service
    from evolution.service.store.models import Audit
    from luts.files import safe_name

    user, _, name = text.partition(":")
    roles = {role.value: role for role in Role if role is not Role.anyone}
    if name not in roles:
        raise UserError(f"--new-token '{text}' must be USER:ROLE; roles: {', '.join(roles)}")
    safe_name(user, "user")
    admin = roles[name] is Role.admin
    refusal = UserError(f"--new-token '{text}': the first token must be an admin's, or nobody "
                        "could make others; give USER:admin")
    if not admin and settings.database is None and not (settings.data / DATABASE).exists():
        raise refusal
    service = Service.open(settings)
    try:
        with service.database.write() as session:
            if not admin and not has_tokens(session):
                raise refusal
            now_s = service.clock()
            session.add(Audit(
                created_at_s=now_s, user_name="command line", token_id=None, address="",
                action="make token", subject=user, detail={"role": name}))
            return add_token(session, user, roles[name], now_s)
    finally:
        service.close()


if __name__ == "__main__":
    cli.run(main)
