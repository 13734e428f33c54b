"""The Task seam: what is learned, from which data, and how it is scored."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luts.recipes import read_recipe
from luts.registry import Registry

if TYPE_CHECKING:
    import torch

    from supernet.accuracy import AccuracySource
    from supernet.candidates import Candidate
    from supernet.space import SearchSpace
    from supernet.training.common import CommonSettings
    from supernet.training.starting import Stage, Start


class Task(abc.ABC):
    """One task; nothing of it loads torch before a network is needed.

    Attributes:
        named_data: data that ``--data`` takes by name instead of a folder.
    """

    named_data: tuple[str, ...]

    @abc.abstractmethod
    def settings(
        self, recipe: str, section: dict[str, Any], stage: str | None = None
    ) -> CommonSettings:
        """Checks a training section; see `supernet.training.common.checked`."""

    @abc.abstractmethod
    def check_data(
        self, recipe: str, section: dict[str, Any], stage: str | None, place: Path
    ) -> None:
        """Looks for the data of all stages before the first of them is trained.

        Args:
            recipe: name.
            section: training section.
            stage: the only one to train (None: all).
            place: folder or file of the data.

        Raises:
            UserError: data are missing; all are named.
            CorruptFileError: files are missing or broken; all are counted.
        """

    @abc.abstractmethod
    def make_stage(
        self, recipe: str, stage: str, folder: Path, settings: Any, seed: int,
        photo_folder: Path | None, *, device: torch.device | None = None, workers: int = 1,
        start: Start = None, teacher: Start = None, candidate: Candidate | None = None,
        data: Path | None = None,
    ) -> Stage:
        """Puts together what is trained; see `supernet.training.stage.make_stage`."""

    @abc.abstractmethod
    def accuracy(self, space: SearchSpace, weights: Path | None) -> AccuracySource:
        """The task's accuracy source.

        Args:
            space: what is searched.
            weights: folder of a training (None: shipped weights).

        Raises:
            UserError: there are no weights, or not the data to score with.
        """


TASKS: Registry[Task] = Registry(
    "task",
    "metronas.tasks",
    {
        "optical_flow": "supernet.tasks.optical_flow:OpticalFlow",
        "classification": "supernet.tasks.classification:Classification",
    },
)


def task_of(recipe: str) -> Task:
    """The task that a recipe names.

    Raises:
        UnknownNameError: no such recipe or task.
    """
    return TASKS.get(str(read_recipe(recipe).get("task")))()
