"""Where this package is imported from, and paths that stay within a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import evolution
from evolution.service.errors import ServiceError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=,-]{0,99}")
_LONGEST = 300


def import_path() -> str:
    """``PYTHONPATH`` with which a process elsewhere runs this same package."""
    root = str(Path(evolution.__file__).resolve().parent.parent)
    given = os.environ.get("PYTHONPATH")
    return f"{root}{os.pathsep}{given}" if given else root


def safe_path(path: str) -> str:
    """Checks a path that came from elsewhere: relative, downward, of plain names.

    Raises:
        ServiceError: it is not.
    """
    if len(path) > _LONGEST or not all(_PART.fullmatch(part) for part in path.split("/")):
        raise ServiceError(f"path '{path[:100]}' must be relative, of letters, digits and ._+@=,- "
                           "with no part that begins with a dot")
    return path
