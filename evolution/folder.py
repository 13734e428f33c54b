"""The run folder: settings, recipe, journal; claimed by one process at a time."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from evolution.ledger import EVALUATED, SCREENED
from luts.checked import read_record
from luts.errors import CorruptFileError, UserError
from luts.files import Journal, atomic_path, claim_folder, read_json, writable_folder, write_json

SETTINGS, RECIPE, JOURNAL, RESULT = "settings.json", "recipe.yaml", "journal.jsonl", "result.json"
EXAMPLES = "examples.json"
FORMAT = 1
_SCORED = {EVALUATED, SCREENED}


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
        halving: what took the place of the recipe's halving, or None.
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
    halving: str | None = None


class RunFolder:
    """An open run folder.

    Args:
        path: the folder; `open` makes sure of it.
        settings: what the run was started with.
        fresh: whether this process began the run.
    """

    def __init__(self, path: Path, settings: RunSettings, *, fresh: bool = False) -> None:
        self.path = path
        self.settings = settings
        self._fresh = fresh
        self._lock = claim_folder(path, f"'{path}' is in use by another run")
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
        return cls(path, settings, fresh=True)

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

    def withdraw(self, *others: str) -> None:
        """Removes what a start has written that was refused, unless something was scored.

        A run that an earlier process began stays, and so do files that are not a run's.

        Args:
            others: names of further files that this start may have written.
        """
        done = {record.get("event") for record in self.journal.records}
        if not self._fresh or done & _SCORED:
            return
        # The settings last, as they are written last.
        for name in (*others, JOURNAL, RECIPE, SETTINGS):
            (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else lies in it
            self.path.rmdir()

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
    return read_record(path / SETTINGS, RunSettings)


def read_examples(path: Path) -> dict[str, Any]:
    """What the run's task finds its examples again by, see `AccuracySource.remember`.

    Raises:
        CorruptFileError: it is damaged.
    """
    if not (path / EXAMPLES).is_file():
        return {}
    note = read_json(path / EXAMPLES)
    if not isinstance(note, dict):
        raise CorruptFileError(f"{path / EXAMPLES} is damaged")
    return note
