"""A training run: its folder, its identity, and where it goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luts.errors import UserError
from luts.files import Journal, read_facts, write_json
from supernet.tasks.base import task_of
from supernet.training.checkpoint import Checkpoint, load_checkpoint
from supernet.training.common import CommonSettings

CHECKPOINT = "checkpoint.safetensors"
JOURNAL = "log.jsonl"
RUN_FILE = "run.json"
DATA_FILE = "data.json"
"""In a training folder: where its images lie, which its identity does not hold."""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """Where and what a run trains.

    Attributes:
        folder: holds checkpoint, journal, TensorBoard files and the run's identity.
        recipe: name.
        network: ``reference``, ``supernet`` or the name of a stand-alone network.
        settings: training section.
        seed: of data, initial weights and sampled architectures.
        extra: further identity, such as the teacher's digest.
        save_every: steps between checkpoints.
        log_every: steps between journal records.
    """

    folder: Path
    recipe: str
    network: str
    settings: CommonSettings
    seed: int
    extra: dict[str, Any]
    save_every: int = 250
    log_every: int = 50

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for a resume to be allowed."""
        return {
            "recipe": self.recipe, "network": self.network, "seed": self.seed,
            "settings": self.settings.model_dump(mode="json"), **self.extra,
        }

    def held(self) -> dict[str, Any]:
        """The identity that the folder holds; options of later versions take their defaults."""
        held = read_facts(self.folder / RUN_FILE, "settings")
        settings = task_of(self.recipe).settings(self.recipe, held["settings"])
        return {**held, "settings": settings.model_dump(mode="json")}

    def checkpoint(self) -> Checkpoint:
        """The last checkpoint."""
        return load_checkpoint(
            self.folder / CHECKPOINT, recipe=self.recipe, network=self.network
        )


def is_finished(run: TrainingRun) -> bool:
    """Whether the folder holds the finished run with this identity."""
    if not ((run.folder / CHECKPOINT).is_file() and (run.folder / RUN_FILE).is_file()):
        return False
    saved = run.checkpoint()
    return run.held() == run.identity and int(saved.identity["step"]) >= run.settings.steps


def claim(run: TrainingRun, *, resume: bool) -> None:
    """Writes the run's identity into its folder, or checks the one that is there.

    Raises:
        UserError: the folder holds another run, or training was not asked to resume it.
    """
    path = run.folder / RUN_FILE
    if not path.exists():
        write_json(path, run.identity)
        return
    held = run.held()
    if held != run.identity:
        differ = sorted(k for k in run.identity if held.get(k) != run.identity[k])
        raise UserError(
            f"'{run.folder}' holds another training run (differs in {', '.join(differ)}); "
            "give another --out"
        )
    if not resume:
        raise UserError(f"'{run.folder}' holds this training run already; add --resume")


def forget_after(journal: Journal, step: int) -> None:
    """Drops records of steps that are trained again, so that each step is logged once."""
    if any(record["step"] > step for record in journal.records):
        kept = [record for record in journal.records if record["step"] <= step]
        journal.rewrite(kept)
