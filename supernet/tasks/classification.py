"""The task of classification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from supernet.tasks.base import Task
from supernet.training.common import checked
from supernet.training.image_settings import ImageSettings

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource
    from supernet.space import SearchSpace
    from supernet.training.starting import Stage


class Classification(Task):
    """The class of an image; see `Task`."""

    named_data = ("digits", "fashion-mnist")

    def settings(
        self, recipe: str, section: dict[str, Any], stage: str | None = None
    ) -> ImageSettings:
        """See `Task`."""
        return checked(ImageSettings, recipe, section, stage)

    def check_data(
        self, recipe: str, section: dict[str, Any], stage: str | None, place: Path
    ) -> None:
        """See `Task`."""
        from supernet.data.images.find import find_images

        find_images(place).check()

    def make_stage(self, *arguments: Any, **options: Any) -> Stage:
        """See `Task`."""
        from supernet.training.image_stage import make_image_stage

        return make_image_stage(*arguments, **options)

    def accuracy(self, space: SearchSpace, weights: Path | None) -> AccuracySource:
        """See `Task`."""
        from supernet.tasks.classification_accuracy import ClassificationAccuracy

        return ClassificationAccuracy(space, weights)
