"""What a campaign's folder holds: nothing, the beginning of this campaign, or another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luts.errors import CorruptFileError, UserError
from luts.files import Journal, writable_folder
from luts.table import SIDECAR
from profiler._records import CanaryRecord, FailureRecord, VisitRecord

JOURNAL = "journal.jsonl"


class CampaignState:
    """The journal of one campaign; every record is on disk before the next is measured.

    Args:
        journal: open journal whose first record is the header.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.visits = [VisitRecord.of(r) for r in journal.records if r.get("kind") == "visit"]
        self.canaries = [CanaryRecord.of(r) for r in journal.records if r.get("kind") == "canary"]
        self.failures = [
            FailureRecord.of(r) for r in journal.records if r.get("kind") == "failure"
        ]

    @classmethod
    def open(
        cls, folder: Path, header: dict[str, Any], *, resume: bool, force: bool
    ) -> CampaignState:
        """Starts or continues a campaign.

        Args:
            folder: where its journal lies.
            header: what must be the same for a campaign to be continued; ``created`` may differ.
            resume: continue an unfinished campaign.
            force: discard whatever lies there.

        Raises:
            UserError: the folder cannot be written, holds a campaign and neither flag is given,
                or one that was begun differently.
            CorruptFileError: its journal is damaged.
        """
        writable_folder(folder)
        path = folder / JOURNAL
        if force:
            path.unlink(missing_ok=True)
        begun = path.exists() and path.stat().st_size > 0
        if not begun and (folder / SIDECAR).exists() and not force:
            raise UserError(f"{folder} holds a finished table; rebuild it with --force")
        journal = Journal(path)
        try:
            if not journal.records:
                journal.append({"kind": "header", **header})
            elif not resume:
                raise UserError(_found(folder, journal.records))
            else:
                _check_header(folder, journal.records[0], header)
            return cls(journal)
        except (UserError, CorruptFileError):
            journal.close()
            raise

    @property
    def created(self) -> str:
        """When the campaign was begun, UTC."""
        return str(self._journal.records[0]["created"])

    @property
    def finished(self) -> bool:
        """Whether its table was saved complete."""
        return bool(self._journal.records[-1].get("kind") == "finished")

    @property
    def failed(self) -> set[int]:
        """Networks that failed."""
        return {failure.network for failure in self.failures}

    def add(self, record: VisitRecord | CanaryRecord | FailureRecord) -> None:
        """Writes a record."""
        self._journal.append(record.as_json())
        if isinstance(record, VisitRecord):
            self.visits.append(record)
        elif isinstance(record, CanaryRecord):
            self.canaries.append(record)
        else:
            self.failures.append(record)

    def finish(self) -> None:
        """Notes that the table is saved."""
        self._journal.append({"kind": "finished"})

    def close(self) -> None:
        """Closes the journal."""
        self._journal.close()


def _found(folder: Path, records: list[dict[str, Any]]) -> str:
    date = records[0].get("created", "?")
    if records[-1].get("kind") == "finished":
        return f"{folder} holds the table of {date}; rebuild it with --force"
    visits = sum(record.get("kind") == "visit" for record in records)
    return (
        f"{folder} holds an unfinished campaign of {date} ({visits} timings); continue it with "
        "--resume, or start again with --force"
    )


def _check_header(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    if found.get("kind") != "header":
        raise CorruptFileError(f"{folder / JOURNAL} does not begin with a header")
    names = sorted((set(found) | set(wanted)) - {"kind", "created"})
    different = [name for name in names if found.get(name) != wanted.get(name)]
    if different:
        raise UserError(
            f"{folder} holds a campaign begun with other {', '.join(different)}; start again "
            "with --force, or give another --out"
        )
