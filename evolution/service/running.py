"""Runs the service until it is stopped."""

from __future__ import annotations

import logging
import socket
from types import FrameType

import uvicorn

from evolution.service.accounts import has_tokens
from evolution.service.api.app import create_app
from evolution.service.core import DATABASE, Service
from evolution.service.logs import log_as_json
from evolution.service.memory import share_heaps
from evolution.service.settings import Settings, is_loopback
from luts.errors import UserError

_GRACE_S = 10
_log = logging.getLogger("metronas.service")


class _Server(uvicorn.Server):
    """Tells open streams to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See `uvicorn.Server.handle_exit`."""
        self._service.stopping.set()
        super().handle_exit(sig, frame)


def run(settings: Settings) -> None:
    """Opens the service and answers requests until SIGINT or SIGTERM.

    Raises:
        UserError: it would be open to others without a token, or its port is taken.
    """
    fresh = settings.database is None and not (settings.data / DATABASE).exists()
    if fresh and not is_loopback(settings.host):
        raise _unguarded(settings)
    share_heaps()
    # Before anything is written: the port may be taken.
    with _listen(settings) as listening:
        service = Service.open(settings)
        try:
            _run(service, settings, listening)
        finally:
            service.close()


def _run(service: Service, settings: Settings, listening: socket.socket) -> None:
    with service.database.read() as session:
        guarded = has_tokens(session)
    if not guarded and not is_loopback(settings.host):
        raise _unguarded(settings)
    log_as_json()
    _log.info("listening", extra={"fields": {
        "url": f"http://{settings.host}:{settings.port}/", "tokens": guarded,
        "database": service.database.engine.url.render_as_string(hide_password=True)}})
    config = uvicorn.Config(
        create_app(service), log_config=None, access_log=False, server_header=False,
        # Whoever asks is who connects; a proxy in front cannot claim otherwise.
        proxy_headers=False, timeout_graceful_shutdown=_GRACE_S, limit_concurrency=1000)
    _Server(config, service).run(sockets=[listening])


def _unguarded(settings: Settings) -> UserError:
    return UserError(
        f"--host {settings.host} is open to others, and no token was made; make one first with: "
        f"python -m evolution.serve --data {settings.data} --new-token NAME:admin")


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise UserError(f"cannot listen on {settings.host}:{settings.port} "
                        f"({error.strerror or error}); choose another --host or --port") from None
    return listening
