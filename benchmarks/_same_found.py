"""What searches found that must not depend on how they went."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Found:
    """What must not depend on how a search went.

    Attributes:
        winner: decision to value.
        scores: of each evaluation in order, its architecture, metrics and fitness.
        struck: how many candidates verification struck; it measures, so it may differ.
    """

    winner: dict[str, int]
    scores: list[list[Any]]
    struck: int

    @classmethod
    def of(cls, folder: Path) -> Found:
        """Reads a finished run."""
        from evolution.ledger import EVALUATED
        from evolution.result import load_result

        result = load_result(folder)
        scores = [[r["vector"], r["metrics"], r["fitness"]] for r in records(folder)
                  if r["event"] == EVALUATED]
        struck = sum(1 for done in result.rounds if done.check.faults)
        return cls(result.best.architecture or {}, scores, struck)

    def as_json(self) -> dict[str, Any]:
        """Plain values; JSON keeps numbers to the last bit."""
        return asdict(self)


def records(folder: Path) -> list[dict[str, Any]]:
    """Whole records of a journal that may be written to at this moment."""
    path = folder / "journal.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def evaluated(folder: Path) -> int:
    """Evaluations that a journal holds."""
    return sum(r["event"] == "evaluated" for r in records(folder))
