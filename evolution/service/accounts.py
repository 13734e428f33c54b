"""Users, their tokens and roles. A token's secret is shown once; its digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from evolution.service.errors import NotFoundError
from evolution.service.store.models import Token, User

MAX_RUNNING, MAX_QUEUED = 4, 200
_TOKEN = re.compile(r"mn_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")


class Role(StrEnum):
    """What a token may do; each role may also do what those before it may, but for `worker`.

    A worker's token takes jobs and hands results over; it lies on machines of a rack, so it can
    neither submit nor read what others made.
    """

    anyone = "anyone"
    viewer = "viewer"
    submitter = "submitter"
    admin = "admin"
    worker = "worker"

    def may(self, needed: Role) -> bool:
        """Whether a caller of this role may do what needs that role."""
        if needed is Role.anyone:
            return True
        if Role.worker in (self, needed):
            return self is needed
        order = [Role.anyone, Role.viewer, Role.submitter, Role.admin]
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        user_id: number of the user.
        name: name of the user.
        role: of the token.
        token_id: of the token; None where no token is needed.
        open: whether the service has no tokens yet, so that this machine's users may do all.
    """

    user_id: int
    name: str
    role: Role
    token_id: str | None
    open: bool = False

    def may(self, needed: Role) -> bool:
        """Whether the caller may do what needs that role."""
        return self.open or self.role.may(needed)

    @property
    def sees_all(self) -> bool:
        """Whether it may change what belongs to others."""
        return self.may(Role.admin)


def find_user(session: Session, name: str, now_s: float) -> User:
    """The user of a name, made when absent; in a writing transaction."""
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        user = User(name=name, max_running=MAX_RUNNING, max_queued=MAX_QUEUED, created_at_s=now_s)
        session.add(user)
        session.flush()
    return user


def add_token(session: Session, name: str, role: Role, now_s: float) -> str:
    """Makes a token of a user.

    Returns:
        The token, which cannot be shown again.
    """
    user = find_user(session, name, now_s)
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    session.add(Token(id=token_id, user_id=user.id, role=role.value, digest=_digest(secret),
                      created_at_s=now_s, revoked_at_s=None))
    return f"mn_{token_id}_{secret}"


def revoke(session: Session, token_id: str, now_s: float) -> Token:
    """Makes a token worthless.

    Raises:
        NotFoundError: there is none of that name.
    """
    token = session.get(Token, token_id)
    if token is None:
        raise NotFoundError(f"no token '{token_id}'")
    if token.revoked_at_s is None:
        token.revoked_at_s = now_s
    return token


def has_tokens(session: Session) -> bool:
    """Whether any token was ever made; once one was, every request needs one."""
    return session.scalar(select(Token.id).limit(1)) is not None


def authenticate(session: Session, given: str) -> Caller | None:
    """Who shows a token; None where it is no good."""
    match = _TOKEN.fullmatch(given)
    token = session.get(Token, match["id"]) if match is not None else None
    # Compared in any case, so that the time tells nothing about what exists.
    expected = token.digest if token is not None else "0" * 64
    same = hmac.compare_digest(_digest(match["secret"] if match else given), expected)
    if token is None or not same or token.revoked_at_s is not None:
        return None
    user = session.get_one(User, token.user_id)
    return Caller(user.id, user.name, Role(token.role), token.id)


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(secret.encode()).hexdigest()
