"""A worker's folder: one worker at a time has it, and it holds what the worker is known by."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from luts.files import claim_folder, write_json


def claim(work: Path) -> int:
    """Takes a folder, whose predecessor is then known to be dead; see `claim_folder`.

    Raises:
        UserError: another worker has it.
    """
    return claim_folder(work, f"--work '{work}' is in use by another worker; give each its own")


def key_of(work: Path) -> str:
    """The key that a folder's workers prove themselves by, one after the other."""
    path = work / "worker.json"
    if not path.exists():
        write_json(path, {"key": secrets.token_hex(32)})
        path.chmod(0o600)
    key: str = json.loads(path.read_text())["key"]
    return key
