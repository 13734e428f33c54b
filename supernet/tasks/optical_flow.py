"""The task of optical flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from luts.errors import UserError
from supernet.tasks.base import Judge, Task
from supernet.tasks.request import Request
from supernet.training.settings import TrainingSettings, training_settings

if TYPE_CHECKING:
    import torch

    from supernet.accuracy import AccuracySource
    from supernet.hand_over import HandOver
    from supernet.raft.space import FlowSpace
    from supernet.space import SearchSpace
    from supernet.training.starting import Stage

_PAIRS = 64


class OpticalFlow(Task):
    """Motion of every pixel between two frames; see `Task`."""

    named_data = ("rendered",)
    rows_are = "pairs"
    row = "pair"
    shares_head = True

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

    def judge(
        self, recipe: str, settings: Any, count: int | None, device: torch.device,
        data: Path | None,
    ) -> Judge:
        """See `Task`; rendered pairs."""
        from supernet.training.scoring import HeldOut

        if data is not None:
            raise UserError(f"--data {data}: flow networks are ranked on rendered pairs")
        return HeldOut(settings, count or _PAIRS, device)

    def ranking_settings(
        self, recipe: str, changes: Sequence[str], steps: int
    ) -> TrainingSettings:
        """See `Task`."""
        from supernet.training.settings import rendered_settings

        return rendered_settings(recipe, changes, steps)

    def told_apart(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """See `Task`."""
        return {"fad": settings["fad"]["weight"]}

    def evaluate(self, request: Request) -> tuple[str, list[dict[str, Any]]]:
        """See `Task`."""
        from supernet.tasks.flow_evaluation import evaluate_flow

        return evaluate_flow(request)

    def hand_over(
        self, space: SearchSpace, note: Mapping[str, Any], data: Path | None = None
    ) -> HandOver:
        """See `Task`; rendered pairs, which the space says all of."""
        from supernet.tasks.flow_hand_over import FlowHandOver

        if data is not None:
            raise UserError(f"--data {data}: flow networks are checked on rendered pairs")
        return FlowHandOver(cast("FlowSpace", space))
