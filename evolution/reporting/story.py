"""Everything that a report tells, read from a run folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from evolution.evidence import Evidence
from evolution.folder import JOURNAL
from evolution.ledger import EVALUATED
from evolution.pictures import read_caption, read_pictures
from evolution.result import Result, load_result
from evolution.scoring import Candidate
from luts.errors import CorruptFileError, UserError


@dataclass(frozen=True)
class Story:
    """A finished run.

    Attributes:
        result: its answer.
        evidence: calibration points and parts.
        candidates: all that was scored, in order.
        pictures: per validation example, title and PNG file of each panel.
        recipe_text: the recipe as it was.
        caption: what the pictures show.
    """

    result: Result
    evidence: Evidence
    candidates: tuple[Candidate, ...]
    pictures: list[list[tuple[str, Path]]]
    recipe_text: str
    caption: str = ""

    @property
    def judged_by(self) -> str:
        """The metric of the candidates that the charts show.

        It is the objective, unless a search goes by a score that needs no data and so never
        computes it.
        """
        known = [name for c in self.candidates for name in c.metrics]
        objective = self.result.objective
        return objective if objective in known or not known else known[0]


def read_story(folder: Path) -> Story:
    """Reads a run folder.

    Raises:
        UserError: it holds no finished run.
        CorruptFileError: one of its files is damaged.
    """
    result = load_result(folder)
    recipe = folder / "recipe.yaml"
    if not recipe.is_file():
        raise UserError(f"no file {recipe}")
    return Story(
        result,
        Evidence.load(folder),
        read_candidates(folder / JOURNAL),
        read_pictures(folder),
        recipe.read_text(encoding="utf-8"),
        read_caption(folder),
    )


def read_candidates(journal: Path) -> tuple[Candidate, ...]:
    """All that a run scored, in order.

    Raises:
        UserError: there is no such journal.
        CorruptFileError: it is damaged.
    """
    try:
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        scored = [record for record in records if record["event"] == EVALUATED]
        return tuple(Candidate.from_record(record) for record in scored)
    except FileNotFoundError:
        raise UserError(f"no file {journal}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(f"{journal} is damaged ({error})") from None
