"""Tokens, quotas and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from evolution.service.accounts import Role, add_token, revoke
from evolution.service.api.routing import Routes, audit, caller_of, service_of
from evolution.service.errors import ConflictError, NotFoundError
from evolution.service.jobs.fields import NAME, Name
from evolution.service.queue.records import QUEUED, RUNNING
from evolution.service.store.models import Audit, Job, Token, User
from evolution.service.upkeep.room import most_bytes, uploaded_bytes

routes = Routes("administration")
_TokenId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", examples=["0f3c5a7e9b1d"])]
_UserName = Annotated[str, Path(pattern=NAME, examples=["ann"])]


class NewToken(BaseModel):
    """Whom a token is for."""

    model_config = ConfigDict(extra="forbid")
    user: Name = Field(examples=["ann"])
    role: Annotated[Role, Field(examples=["submitter"])]


class MadeToken(BaseModel):
    """A token, shown this once."""

    token: str = Field(examples=["mn_0f3c5a7e9b1d_" + "x" * 43])


class TokenView(BaseModel):
    """A token without its secret."""

    id: str = Field(examples=["0f3c5a7e9b1d"])
    user: str = Field(examples=["ann"])
    role: str = Field(examples=["submitter"])
    created_at_s: float
    revoked_at_s: float | None


class Quota(BaseModel):
    """How many jobs of a user run, and wait, and how much is kept of uploads, at most."""

    model_config = ConfigDict(extra="forbid")
    max_running: Annotated[int, Field(ge=0, le=10_000, examples=[4])]
    max_queued: Annotated[int, Field(ge=0, le=100_000, examples=[200])]
    max_upload_bytes: Annotated[int, Field(ge=0, le=2**62, examples=[20 << 30])] | None = Field(
        None, description="Default: what the server was started with.")


class Usage(BaseModel):
    """What a user has, and may have."""

    user: str = Field(examples=["ann"])
    running: int = Field(examples=[1])
    max_running: int = Field(examples=[4])
    queued: int = Field(examples=[0])
    max_queued: int = Field(examples=[200])
    upload_bytes: int = Field(examples=[46_827_520])
    max_upload_bytes: int = Field(examples=[20 << 30])


@routes.add("POST", "/tokens", Role.admin, status_code=201)
def make_token(request: Request, wanted: NewToken) -> MadeToken:
    """Makes a token; the first one ends the time in which none is needed."""
    service = service_of(request)
    if wanted.role is Role.anyone:
        raise ConflictError("a token of role 'anyone' would allow nothing")
    if caller_of(request).open and wanted.role is not Role.admin:
        raise ConflictError("the first token must be an admin's, or nobody could make others")
    with service.database.write() as session:
        token = add_token(session, wanted.user, wanted.role, service.clock())
    audit(request, "make token", wanted.user, {"role": wanted.role.value})
    return MadeToken(token=token)


@routes.add("GET", "/tokens", Role.admin)
def tokens(request: Request) -> list[TokenView]:
    """All tokens, without their secrets."""
    with service_of(request).database.read() as session:
        rows = session.execute(select(Token, User.name).join(User, User.id == Token.user_id)
                               .order_by(Token.created_at_s)).tuples()
        return [TokenView(id=token.id, user=name, role=token.role,
                          created_at_s=token.created_at_s, revoked_at_s=token.revoked_at_s)
                for token, name in rows]


@routes.add("DELETE", "/tokens/{token_id}", Role.admin, status_code=204)
def revoke_token(request: Request, token_id: _TokenId) -> None:
    """Makes a token worthless."""
    service = service_of(request)
    if caller_of(request).token_id == token_id:
        raise ConflictError("a token cannot revoke itself; use another admin's")
    with service.database.write() as session:
        revoke(session, token_id, service.clock())
    audit(request, "revoke token", token_id)


@routes.add("PUT", "/users/{name}/quota", Role.admin)
def set_quota(request: Request, name: _UserName, wanted: Quota) -> Quota:
    """Sets how many jobs of a user run, and wait, and how much is kept of uploads, at most."""
    with service_of(request).database.write() as session:
        user = session.scalar(select(User).where(User.name == name))
        if user is None:
            raise NotFoundError(f"no user '{name}'")
        user.max_running, user.max_queued = wanted.max_running, wanted.max_queued
        user.max_upload_bytes = wanted.max_upload_bytes
    audit(request, "set quota", name, wanted.model_dump())
    return wanted


@routes.add("GET", "/usage", Role.submitter)
def usage(request: Request) -> list[Usage]:
    """What the caller has of its quotas; to admins, what every user has."""
    service, caller = service_of(request), caller_of(request)
    with service.database.read() as session:
        users = select(User).order_by(User.name)
        if not caller.sees_all:
            users = users.where(User.id == caller.user_id)
        counted = {(user, state): count for user, state, count in session.execute(
            select(Job.user_id, Job.state, func.count()).where(Job.state.in_([QUEUED, RUNNING]))
            .group_by(Job.user_id, Job.state)).tuples()}
        return [Usage(
            user=user.name, running=counted.get((user.id, RUNNING), 0),
            max_running=user.max_running, queued=counted.get((user.id, QUEUED), 0),
            max_queued=user.max_queued, upload_bytes=uploaded_bytes(session, user.id),
            max_upload_bytes=most_bytes(user, service.settings.upload_bytes),
        ) for user in session.scalars(users).all()]


_AUDITED = {"id": 41, "created_at_s": 1700000000.0, "user_name": "ann", "token_id": "0f3c5a7e9b1d",
            "address": "10.0.0.7", "action": "submit", "subject": "job 3",
            "detail": {"kind": "search"}}


@routes.add("GET", "/audit", Role.admin, example=[_AUDITED])
def audits(
    request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int, Query(ge=1, le=2**62, description="Only older entries.")] = 2**62,
) -> list[dict[str, Any]]:
    """Who did what, the newest first."""
    names = ("id", "created_at_s", "user_name", "token_id", "address", "action", "subject",
             "detail")
    with service_of(request).database.read() as session:
        rows = session.scalars(select(Audit).where(Audit.id < before)
                               .order_by(Audit.id.desc()).limit(limit))
        return [{name: getattr(row, name) for name in names} for row in rows]
