"""Routes that say which role they need; there are no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Request

from evolution.service.accounts import Caller, Role
from evolution.service.core import Service

Method = Literal["GET", "POST", "PUT", "DELETE", "HEAD"]
Handler = TypeVar("Handler", bound=Callable[..., Any])
PREFIX = "/api/v1"
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or one that is no good"},
    403: {"description": "The token's role does not allow it"},
    404: {"description": "There is no such thing"},
    410: {"description": "It was removed"},
    409: {"description": "It contradicts what was done before"},
    413: {"description": "More bytes than are taken"},
    422: {"description": "The request is not valid; `detail` says why"},
    429: {"description": "Too many requests, or a quota is used up"},
}


class Routes:
    """A router whose routes each name a role.

    Args:
        tag: heading in the OpenAPI document.
        prefix: of all its paths.
    """

    def __init__(self, tag: str, prefix: str = PREFIX) -> None:
        self.router = APIRouter(prefix=prefix, tags=[tag])

    def add(self, method: Method, path: str, role: Role, *, example: Any = None, **options: Any
            ) -> Callable[[Handler], Handler]:
        """Decorator that adds a route.

        Args:
            method: HTTP method.
            path: below the prefix.
            role: what the caller's token needs.
            example: an answer, for routes whose answer's type shows none.
            options: as FastAPI takes them.
        """
        extra = {"x-role": role.value, **options.pop("openapi_extra", {})}
        if role is not Role.anyone:
            extra["security"] = [{"token": []}]
        answers = {**_REFUSALS, **options.pop("responses", {})}
        if example is not None:
            answers[200] = {"content": {"application/json": {"example": example}}}
        return self.router.api_route(
            path, methods=[method], dependencies=[Depends(_gate(role))], openapi_extra=extra,
            responses=answers, **options)


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


def caller_of(request: Request) -> Caller:
    """Who asks; only in routes that need a role."""
    caller: Caller = request.scope["caller"]
    return caller


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client is not None else ""


def audit(request: Request, action: str, subject: str,
          detail: dict[str, Any] | None = None) -> None:
    """Notes what the caller did."""
    service_of(request).audit(caller_of(request), address_of(request), action, subject, detail)


def _gate(role: Role) -> Callable[[Request], None]:
    def gate(request: Request) -> None:
        caller: Caller | None = request.scope["caller"]
        if role is Role.anyone:
            return
        if caller is None:
            raise HTTPException(401, "this needs a token: send 'Authorization: Bearer TOKEN'",
                                {"WWW-Authenticate": "Bearer"})
        if not caller.may(role):
            raise HTTPException(403, f"this needs a token of role '{role}', and this one is "
                                     f"'{caller.role}'")

    return gate
