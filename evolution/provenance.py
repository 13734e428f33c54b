"""Where a result comes from: versions, commit, date."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = {
    "metronas": ("metronas",),
    "numpy": ("numpy",),
    "torch": ("torch",),
    "onnx": ("onnx",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "xgboost": ("xgboost-cpu", "xgboost"),
}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a figure can depend on."""
    found = {"python": platform.python_version()}
    for name, distributions in _PACKAGES.items():
        for distribution in distributions:
            try:
                found[name] = version(distribution)
            except PackageNotFoundError:
                continue
            break
    return found


def commit() -> str | None:
    """Commit of the checkout that runs, or None for an installed package."""
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def now() -> str:
    """UTC time in ISO form, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def verify_command(folder: Path, device: str = "cuda:0") -> str:
    """Command line that measures a run's winner on the device that it is for."""
    return f"python -m evolution.verify {folder} --device {device}"
