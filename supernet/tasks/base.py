"""The Task seam: what is learned, from which data, and how it is scored."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from luts.recipes import read_recipe
from luts.registry import Registry

if TYPE_CHECKING:
    import torch

    from luts.space import Architecture
    from supernet.accuracy import AccuracySource
    from supernet.candidates import Candidate
    from supernet.hand_over import HandOver
    from supernet.space import SearchSpace
    from supernet.tasks.request import Request
    from supernet.training.common import CommonSettings
    from supernet.training.starting import Stage, Start


class Judge(Protocol):
    """Held-out data that many networks are scored on; the first metric counts most."""

    def check(self, trained: Mapping[str, Any], name: str) -> None:
        """Refuses a network whose training saw what is held out here, or saw other data.

        Args:
            trained: identity of its checkpoint.
            name: what to call it.

        Raises:
            UserError: it is such a network.
        """
        ...

    def score(self, network: Any) -> dict[str, float]:
        """Metrics of a network as deployed; its batch norms are recalibrated in place."""
        ...

    def score_inherited(
        self, space: Any, supernet: Any, architecture: Architecture
    ) -> dict[str, float]:
        """Metrics of an architecture with weights of a supernet."""
        ...


class Task(abc.ABC):
    """One task; nothing of it loads torch before a network is needed.

    Attributes:
        named_data: data that ``--data`` takes by name instead of a folder.
        rows_are: what scores are listed by.
        row: one of these.
        splits: parts of data that can be scored.
        shares_head: whether all networks have a head that a trained reference can give them.
    """

    named_data: tuple[str, ...]
    rows_are: str
    row: str
    splits: tuple[str, ...] = ("all", "train", "val")
    shares_head: bool = False

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

    @abc.abstractmethod
    def judge(
        self, recipe: str, settings: Any, count: int | None, device: torch.device,
        data: Path | None,
    ) -> Judge:
        """Held-out data.

        Args:
            recipe: name.
            settings: training section.
            count: examples to score on (None: the task's usual number).
            device: where networks run.
            data: folder (None: the task's own data).
        """

    @abc.abstractmethod
    def ranking_settings(self, recipe: str, changes: Sequence[str], steps: int) -> CommonSettings:
        """How networks are trained alone, for a short budget, to be ranked."""

    @abc.abstractmethod
    def told_apart(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What of a supernet's training section tells it from others of its recipe."""

    @abc.abstractmethod
    def evaluate(self, request: Request) -> tuple[str, list[dict[str, Any]]]:
        """Scores a network.

        Returns:
            Where its weights are from, and parts of the data, each with ``data``, ``group``,
            ``count``, ``mean`` (metrics by name) and, as `rows_are`, the same of each row.

        Raises:
            UserError: the data or the weights are missing, or an option means nothing here.
        """

    @abc.abstractmethod
    def hand_over(
        self, space: SearchSpace, note: Mapping[str, Any], data: Path | None = None
    ) -> HandOver:
        """What bundles of the task's networks need.

        Args:
            space: of the network.
            note: what `AccuracySource.remember` gave at the search.
            data: where the examples lie now (None: where they were).

        Raises:
            UserError: the examples cannot be had, or are others; or ``data`` means nothing here.
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
