"""The task of optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from supernet.tasks.base import Task
from supernet.training.settings import TrainingSettings, training_settings

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource
    from supernet.raft.space import FlowSpace
    from supernet.space import SearchSpace
    from supernet.training.starting import Stage


class OpticalFlow(Task):
    """Motion of every pixel between two frames; see `Task`."""

    named_data = ("rendered",)

    def settings(
        self, recipe: str, section: dict[str, Any], stage: str | None = None
    ) -> TrainingSettings:
        """See `Task`."""
        return training_settings(recipe, section, stage)

    def check_data(
        self, recipe: str, section: dict[str, Any], stage: str | None, place: Path
    ) -> None:
        """See `Task`."""
        from supernet.training.data import check_folder

        check_folder(recipe, section, stage, place)

    def make_stage(self, *arguments: Any, **options: Any) -> Stage:
        """See `Task`."""
        from supernet.training.stage import make_stage

        return make_stage(*arguments, **options)

    def accuracy(self, space: SearchSpace, weights: Path | None) -> AccuracySource:
        """See `Task`."""
        from supernet.tasks.flow_accuracy import FlowAccuracy

        return FlowAccuracy(cast("FlowSpace", space), weights)
