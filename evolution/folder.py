"""The run folder: settings, recipe, journal; claimed by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from luts.errors import CorruptFileError, UserError
from luts.files import Journal, atomic_path, read_json, writable_folder, write_json

SETTINGS, RECIPE, JOURNAL, RESULT = "settings.json", "recipe.yaml", "journal.jsonl", "result.json"
FORMAT = 1


class AlsoSettings(BaseModel):
    """A further target that the network must be quick enough on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str
    threads: int
    latency_ms: float
    table: str


class RunSettings(BaseModel):
    """Everything that decides what a search finds; a resumed run must have the same.

    Attributes:
        latency_ms: the budget.
        parameters: largest number of weights, or None.
        evaluations: architectures that are scored before verification.
        threads: threads that the network runs on when it is measured.
        strategy: what took the place of the recipe's strategy, or None.
        recipe_sha256: digest of the recipe's text.
        table: identity of the latency table.
        reference_latency_ms: the reference's predicted latency, which changes with the predictor.
        limits: limits beside latency and parameters, in the units of their names.
        also: further targets.
        level_check: whether the reference was measured before the search.
        pareto: the range of budgets in ms where a whole front is searched, or None.
        verify_points: points of that front that are measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    target: str
    recipe: str
    recipe_sha256: str
    seed: int
    latency_ms: float
    parameters: int | None
    evaluations: int
    threads: int
    table: str
    reference_latency_ms: float
    strategy: str | None = None
    limits: dict[str, float] = {}
    also: tuple[AlsoSettings, ...] = ()
    level_check: bool = False
    pareto: tuple[float, float] | None = None
    verify_points: int = 3


class RunFolder:
    """An open run folder.

    Args:
        path: the folder; `open` makes sure of it.
        settings: what the run was started with.
    """

    def __init__(self, path: Path, settings: RunSettings) -> None:
        self.path = path
        self.settings = settings
        self._lock = _claim(path)
        self.journal = Journal(path / JOURNAL)

    @classmethod
    def open(cls, path: Path, settings: RunSettings, recipe_text: str) -> Self:
        """Starts a folder, or goes on with the run that it holds.

        Settings are written last, so that a folder with settings is complete.

        Raises:
            UserError: the folder cannot be written, is in use, or holds a run with other settings.
            CorruptFileError: its settings or its journal cannot be read.
        """
        writable_folder(path)
        if (path / SETTINGS).exists():
            return cls._reopen(path, settings)
        with atomic_path(path / RECIPE) as temporary:
            temporary.write_text(recipe_text)
        write_json(path / SETTINGS, settings.model_dump())
        return cls(path, settings)

    @classmethod
    def _reopen(cls, path: Path, settings: RunSettings) -> Self:
        stored = read_settings(path)
        old, new = stored.model_dump(), settings.model_dump()
        changed = [f"{key} {old[key]!r} (now {new[key]!r})" for key in old if old[key] != new[key]]
        if changed:
            raise UserError(
                f"--resume: {path} was started with {', '.join(changed)}; "
                f"repeat its options or choose another --out"
            )
        return cls(path, stored)

    def close(self) -> None:
        """Closes the journal and lets others have the folder."""
        self.journal.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_settings(path: Path) -> RunSettings:
    """Settings of a run folder.

    Raises:
        UserError: it is no run folder.
        CorruptFileError: they are damaged.
    """
    if not (path / SETTINGS).is_file():
        raise UserError(f"'{path}' is no run folder: it has no {SETTINGS}")
    raw: Any = read_json(path / SETTINGS)
    try:
        return RunSettings.model_validate(raw)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise CorruptFileError(f"{path / SETTINGS}: {field} is damaged") from None


def check_place(path: Path, *, resume: bool) -> None:
    """Refuses a place where a run cannot go, without writing anything there.

    Args:
        path: the run folder to be.
        resume: whether a run that is there is gone on with.

    Raises:
        UserError: it holds a run and is not resumed, it holds other files, or cannot be written.
    """
    if not resume and (path / RESULT).exists():
        raise UserError(f"'{path}' holds a finished run; choose another --out or --seed")
    if not resume and (path / SETTINGS).exists():
        raise UserError(f"'{path}' holds an unfinished run; add --resume or choose another --out")
    if path.is_dir() and not (path / SETTINGS).exists() and any(map(_foreign, path.iterdir())):
        raise UserError(f"'{path}' is not empty and holds no run; choose another --out")
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        writable_folder(existing)
    except UserError as error:
        raise UserError(f"cannot make the run folder '{path}': {error}") from None


def _foreign(path: Path) -> bool:
    """Whether a file is none of those that a run killed at its very start leaves behind."""
    return path.name != RECIPE and not path.name.startswith(".")


def _claim(path: Path) -> int:
    handle = os.open(path, os.O_RDONLY)
    try:
        # Held by the process, so a killed one leaves no lock behind.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(f"'{path}' is in use by another run") from None
    return handle
