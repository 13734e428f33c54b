"""Errors that users see: one line that repeats the input and says what would be right."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(Exception):
    """Wrong input; command line programs print it on one line and exit with code 2."""


class UnknownNameError(UserError):
    """A name that no registry, table or folder holds."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        listed = ", ".join(sorted(known)) or "none"
        super().__init__(f"unknown {what} '{name}'; known: {listed}")


class InferenceError(UserError):
    """A runtime could not load or execute a model; the message holds what it said."""


class MissingOperatorError(UserError, LookupError):
    """A table has no row for an operator; it is never taken as 0 ms."""


class CorruptFileError(UserError):
    """A file is truncated, edited or of another format than its name says."""


class DivergedError(UserError, FloatingPointError):
    """A training's loss is no longer finite; the message names the last good checkpoint."""


class InfeasibleError(UserError):
    """No architecture can meet the constraint; the message gives the reachable interval."""
