"""What a finished command leaves: files, the resources among them, a summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from evolution.service.errors import ServiceError
from evolution.service.jobs.commands import Command
from evolution.service.paths import safe_path
from evolution.service.protocol import HandedFile, LeaseMessage, MadeResource, check_plain
from evolution.service.worker.running import LOG
from luts.files import sha256

SUMMARY = "summary.json"
_SUMMARY_BYTES, _LONGEST_MESSAGE = 64 << 10, 500


def collect(folder: Path, command: Command) -> list[HandedFile]:
    """Files of a job's folder that are handed over, with their digests.

    Links are left out, and names that no path may hold: temporary files begin with a dot.
    """
    wanted = {folder / LOG, folder / command.output}
    for name in command.keeps:
        place = folder / name
        wanted |= set(place.rglob("*")) if place.is_dir() else {place}
    found = []
    for path in sorted(wanted):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file() or not _is_plain(name):
            continue
        found.append(HandedFile(path=name, sha256=sha256(path), size_bytes=path.stat().st_size))
    return found


def resources(folder: Path, held: LeaseMessage) -> list[MadeResource]:
    """Resources that a command of this kind makes, where it made them."""
    if held.kind in ("profile", "library"):
        kind: Literal["table", "library"] = "table" if held.kind == "profile" else "library"
        return [MadeResource(kind=kind, target=path.parent.parent.name, key=path.parent.name,
                             info=_record(path), root=_within(folder, path.parent))
                for path in sorted(folder.glob(f"tables/*/*/{kind}.json"))]
    if held.kind == "fit":
        tables = {source.place: source.resource for source in held.sources}
        return [MadeResource(kind="predictor", target=path.parents[2].name,
                             key=path.parents[1].name, root=_within(folder, path.parent),
                             info={**_record(path), "table": tables[_within(folder,
                                                                            path.parents[1])]})
                for path in sorted(folder.glob("tables/*/*/predictor/predictor.json"))]
    if held.kind == "train":
        return [MadeResource(kind="training", target="", key=f"job-{held.job}",
                             info=held.parameters, root="training")]
    if held.kind in ("search", "verify"):
        result = _record(folder / "run" / "result.json")
        info = {name: result.get(name) for name in
                ("recipe", "seed", "objective", "verified", "latencies", "evaluations")}
        best = result.get("best", {})
        info |= {"budget_ms": result.get("constraint", {}).get("latency_ms"),
                 "latency_ms": best.get("measured_latency_ms"),
                 "predicted_ms": best.get("predicted_latency_ms"),
                 "metrics": best.get("metrics")}
        return [MadeResource(kind="run", target=result["target"], key=f"job-{held.job}",
                             info=info, root="run")]
    return []


def summary(folder: Path, command: Command) -> dict[str, Any] | None:
    """What a command printed as JSON, without what is long or cannot be kept."""
    path = folder / command.output
    if command.output != SUMMARY or path.stat().st_size > 16 << 20:
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    short = {key: value for key, value in said.items()
             if len(json.dumps(value)) < _SUMMARY_BYTES // 16}
    try:
        check_plain(short)
    except ValueError:
        return None
    return short if len(json.dumps(short)) < _SUMMARY_BYTES else None


def last_words(folder: Path, code: int) -> str:
    """Why a command failed, from the end of its log."""
    with (folder / LOG).open("rb") as file:
        file.seek(max(0, (folder / LOG).stat().st_size - 8192))
        lines = file.read().decode("ascii", "replace").splitlines()
    said = [" ".join(line.split()) for line in lines if line.strip()]
    errors = [line for line in said if line.startswith("error: ")]
    why = (errors or said or ["it said nothing"])[-1]
    plain = "".join(c if c.isprintable() else " " for c in why)[:_LONGEST_MESSAGE]
    return plain.removeprefix("error: ") if errors else f"exit code {code}: {plain}"


def _record(path: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return said


def _within(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _is_plain(name: str) -> bool:
    try:
        safe_path(name)
    except ServiceError:
        return False
    return True
