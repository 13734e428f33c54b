"""The task of classification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luts.recipes import read_recipe
from supernet.tasks.base import Judge, Task
from supernet.tasks.request import Request
from supernet.training.common import checked
from supernet.training.image_settings import ImageSettings

if TYPE_CHECKING:
    import torch

    from supernet.accuracy import AccuracySource
    from supernet.hand_over import HandOver
    from supernet.space import SearchSpace
    from supernet.training.starting import Stage


class Classification(Task):
    """The class of an image; see `Task`."""

    named_data = ("digits", "fashion-mnist")
    rows_are = "classes"
    row = "class"
    splits = ("all", "train", "val", "test")

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

    def judge(
        self, recipe: str, settings: Any, count: int | None, device: torch.device,
        data: Path | None,
    ) -> Judge:
        """See `Task`; images that are held out of the training part."""
        from supernet.tasks.label_judge import LabelJudge

        return LabelJudge(recipe, settings, count, device, data)

    def ranking_settings(self, recipe: str, changes: Sequence[str], steps: int) -> ImageSettings:
        """See `Task`."""
        from supernet.training.overrides import overrides

        section = overrides(read_recipe(recipe).get("training", {}), changes, steps)
        return self.settings(recipe, section)

    def told_apart(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """See `Task`."""
        rule = settings.get("rule") or {}
        return {"trained": settings["trained"], **({"rule": rule["name"]} if rule else {})}

    def evaluate(self, request: Request) -> tuple[str, list[dict[str, Any]]]:
        """See `Task`."""
        from supernet.tasks.classification_evaluation import evaluate_labels

        return evaluate_labels(request)

    def hand_over(
        self, space: SearchSpace, note: Mapping[str, Any], data: Path | None = None
    ) -> HandOver:
        """See `Task`; the note says which images, by their digest."""
        from supernet.tasks.classification_hand_over import ClassificationHandOver

        return ClassificationHandOver(space, note, data)
