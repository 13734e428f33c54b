"""The run's events in order: replayed first after a resume, then written."""

from __future__ import annotations

from typing import Any

from luts.errors import CorruptFileError
from luts.files import Journal

STARTED, LEVELLED, EVALUATED, FRONT, VERIFIED, STRUCK = (
    "started", "levelled", "evaluated", "front", "verified", "struck"
)
# Exported and compared with torch, but not measured: the target is not here.
EXPORTED = "exported"


class Ledger:
    """A journal that answers with what happened before, while there is any.

    A search is a function of its seed and of the answers that it got. A resumed run is therefore
    run again from the start, and each event that stands in the journal is taken from there
    instead of being computed.

    Args:
        journal: events of the run so far.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._replay = list(journal.records)
        self._cursor = 0

    @property
    def replaying(self) -> bool:
        """Whether earlier events are left."""
        return self._cursor < len(self._replay)

    def recall(self, *events: str, vector: list[int] | None = None) -> dict[str, Any] | None:
        """The next earlier event, or None when all were replayed.

        Args:
            *events: kinds that can stand there.
            vector: the architecture that it must be about.

        Raises:
            CorruptFileError: something else stands there.
        """
        if not self.replaying:
            return None
        record = self._replay[self._cursor]
        if record.get("event") not in events or record.get("vector") != vector:
            raise CorruptFileError(
                f"{self._journal.path}: record {self._cursor + 1} is not what this run does next "
                f"({' or '.join(events)}); it was edited or written by another version"
            )
        self._cursor += 1
        return record

    def write(self, event: str, **content: Any) -> dict[str, Any]:
        """Adds an event; it is on disk when this returns."""
        record = {"event": event, **content}
        self._journal.append(record)
        return record
