"""Accuracy that is scored once for each architecture, whatever search asks for it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from luts.errors import UserError
from luts.files import Journal
from luts.space import Architecture


class KnownScores:
    """An accuracy source that keeps its scores in a journal; all else is the source's.

    Args:
        accuracy: the source.
        path: the journal; its first record says what the scores rest on.

    Raises:
        UserError: the journal's scores rest on something else.
    """

    def __init__(self, accuracy: Any, path: Path) -> None:
        self._accuracy = accuracy
        self._journal = Journal(path)
        self._reference: dict[str, float] | None = None
        if not self._journal.records:
            self._journal.append({"identity": dict(accuracy.identity)})
        first, *records = self._journal.records
        if first.get("identity") != dict(accuracy.identity):
            raise UserError(f"{path} holds scores of other weights; choose another --out")
        self._known = {_key(r["architecture"]): r["metrics"] for r in records}
        self.hits = 0

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        """See `supernet.accuracy.AccuracySource`.

        Scores of parts and those that are not finite, which JSON does not have, are not kept.
        """
        if pairs is not None:
            return dict(self._accuracy.score(architecture, pairs))
        key = _key(architecture.as_json())
        known = self._known.get(key)
        if known is not None:
            self.hits += 1
            return dict(known)
        metrics = {name: float(value) for name, value in
                   self._accuracy.score(architecture).items()}
        if all(map(math.isfinite, metrics.values())):
            self._known[key] = metrics
            self._journal.append({"architecture": architecture.as_json(), "metrics": metrics})
        return metrics

    def score_reference(self) -> dict[str, float]:
        """See `supernet.accuracy.AccuracySource`."""
        if self._reference is None:
            self._reference = self._accuracy.score_reference()
        return self._reference

    def __getattr__(self, name: str) -> Any:
        return getattr(self._accuracy, name)


def _key(architecture: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(architecture.items()))
