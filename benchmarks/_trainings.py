"""Trainings of a benchmark: made once, found again by a later call, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from supernet.training.starting import Start

SAVE_EVERY = 100
CPU_CLOCK = "cpu_seconds_per_step"
"""By which trainings on CPUs are compared: made hours apart, they had other neighbours."""


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains networks of one recipe and seed; what was trained already is not trained again.

    Attributes:
        recipe: name.
        data: what to train on, a folder or a name (None: the recipe's).
        changes: settings otherwise than the recipe's, such as ``batch=32``.
        seed: of data, weights and sampling.
    """

    recipe: str
    data: str | None
    changes: tuple[str, ...]
    seed: int

    def train(
        self, network: str, folder: Path, changes: Sequence[str], *, teacher: Start = None,
        alone: bool = False,
    ) -> Path:
        """Trains a network and gives the folder that holds it.

        Args:
            network: ``reference``, ``supernet``, or an architecture as JSON.
            folder: of this training.
            changes: further settings.
            teacher: folder of a trained reference.
            alone: whether it is an architecture.
        """
        import torch

        from luts.recipes import read_recipe
        from luts.spaces import load_space
        from supernet.candidates import find_candidate
        from supernet.tasks.base import task_of
        from supernet.training.overrides import overrides
        from supernet.training.plan import Plan

        named = self.data if self.data in task_of(self.recipe).named_data else None
        section = overrides(read_recipe(self.recipe)["training"], [*self.changes, *changes],
                            data=named)
        place = Path(self.data) if self.data is not None and named is None else None
        made = Plan(self.recipe, section, folder, self.seed, None, 1, SAVE_EVERY, True, start=None,
                    teacher=teacher, stage=None, data=place)
        made.train([network], torch.device("cpu"), alone=alone)
        space: Any = load_space(self.recipe)
        return folder / (find_candidate(space, network).name if alone else network)


def cost_of_training(folder: Path, batch: int) -> dict[str, float]:
    """Steps, images and seconds of the processor of a finished training, by its journal.

    Args:
        folder: of the network.
        batch: images a step.
    """
    records = journal_of(folder)
    steps = [0, *(record["step"] for record in records)]
    seconds = sum(record[CPU_CLOCK] * (after - before) for record, before, after in
                  zip(records, steps, steps[1:], strict=False))
    return {"steps": steps[-1], "images": steps[-1] * batch, "seconds": seconds}


def journal_of(folder: Path) -> list[dict[str, Any]]:
    """Records of a training."""
    from luts.files import Journal
    from supernet.training.run import JOURNAL

    journal = Journal(folder / JOURNAL)
    journal.close()
    return journal.records
