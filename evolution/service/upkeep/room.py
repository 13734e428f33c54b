"""How much room uploads take, and how much they may."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from evolution.service.errors import TooLargeError
from evolution.service.store.models import Resource, User

UPLOAD = "upload"
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_of(resource: Resource) -> int:
    """Bytes of a resource's files."""
    return sum(int(file["size_bytes"]) for file in resource.files)


def uploaded_bytes(session: Session, user_id: int) -> int:
    """Bytes of the uploads that a user keeps; those that were sent twice count twice."""
    kept = session.scalars(select(Resource).where(
        Resource.user_id == user_id, Resource.origin == UPLOAD, Resource.removed_at_s.is_(None)))
    return sum(map(size_of, kept))


def most_bytes(user: User, usual_bytes: int) -> int:
    """Bytes of uploads that a user may keep."""
    return usual_bytes if user.max_upload_bytes is None else user.max_upload_bytes


def check_room(session: Session, user_id: int, more_bytes: int, usual_bytes: int) -> None:
    """Makes sure that a user may keep an upload.

    Args:
        session: reads what the user keeps.
        user_id: whose it is.
        more_bytes: its size.
        usual_bytes: what users may keep where no admin said otherwise.

    Raises:
        TooLargeError: it does not fit beside what the user keeps.
    """
    user = session.get_one(User, user_id)
    used, most = uploaded_bytes(session, user_id), most_bytes(user, usual_bytes)
    if used + more_bytes > most:
        raise TooLargeError(
            f"these {say_bytes(more_bytes)} are not taken: '{user.name}' keeps {say_bytes(used)} "
            f"of uploads, and at most {say_bytes(most)} are allowed; delete some, such as with "
            "DELETE /api/v1/models/NUMBER, or ask an admin for more room")


def say_bytes(count: int) -> str:
    """A number of bytes for people."""
    size, unit = float(count), 0
    while size >= 1024 and unit + 1 < len(_UNITS):
        size, unit = size / 1024, unit + 1
    return f"{count} {_UNITS[0]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
