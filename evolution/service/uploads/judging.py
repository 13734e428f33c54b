"""Starts the process that judges an upload, and believes only what it can say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from evolution.service.errors import ServiceError
from evolution.service.paths import import_path
from evolution.service.protocol import check_plain

_TIMEOUT_S = 90.0
_ANSWER_BYTES = 1 << 20


def judge(kind: str, folder: Path, *, timeout_s: float = _TIMEOUT_S) -> dict[str, Any]:
    """Facts of an upload.

    Args:
        kind: ``model`` or ``table``.
        folder: holds the upload under the names that are expected, and nothing else.
        timeout_s: seconds after which it is given up.

    Raises:
        ServiceError: it is refused; the message says why.
    """
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": import_path(),
                   "PYTHONSAFEPATH": "1",
                   "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "evolution.service.uploads.inspection", kind, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=folder, env=environment, start_new_session=True,
    ) as process:
        try:
            answer, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise ServiceError(f"the {kind} could not be read within {timeout_s:g} s") from None
    try:
        said = json.loads(answer[:_ANSWER_BYTES])
    except ValueError:
        raise ServiceError(f"this is no {kind}: reading it failed or took more memory or time "
                           "than an upload may") from None
    if "error" in said:
        raise ServiceError(f"this {kind} is refused: {said['error']}")
    info: dict[str, Any] = said["info"]
    try:
        check_plain(info)
    except ValueError as error:
        raise ServiceError(f"this {kind} is refused: {error}") from None
    return info
