"""What one call of the trainer trains: networks within stages, each in its folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from luts.errors import UnknownNameError
from luts.files import writable_folder
from luts.spaces import load_space
from supernet.tasks.base import task_of
from supernet.training.common import CommonSettings

if TYPE_CHECKING:
    import torch

    from supernet.candidates import Candidate
    from supernet.training.starting import Start


_SHOWN = 20
"""Figures on the last line; an error for each of many classes would fill the screen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Networks to train, and where.

    Attributes:
        recipe: name.
        section: training section.
        folder: of the training; stages have folders in it.
        seed: of data, initial weights and sampled architectures.
        photos: folder of photographs (None: those of installed packages).
        workers: processes that render.
        save_every: steps between checkpoints.
        resume: go on after a stop.
        start: weights that the first stage starts from.
        teacher: whose reference teaches (None: that of the stage).
        stage: the only stage to train (None: all).
        data: folder of data sets (None: pairs are rendered).
    """

    recipe: str
    section: dict[str, Any]
    folder: Path
    seed: int
    photos: Path | None
    workers: int
    save_every: int
    resume: bool
    start: Start
    teacher: Start
    stage: str | None
    data: Path | None = None

    def __post_init__(self) -> None:
        """Checks every stage before anything is trained."""
        task = task_of(self.recipe)
        names = list(self.section.get("stages", {}))
        if self.stage is not None and self.stage not in names:
            raise UnknownNameError(f"stage of recipe {self.recipe}", self.stage, names)
        for name in names:
            held = task.settings(self.recipe, self.section, name).teaching_stage
            if held is not None and held not in names:
                raise UnknownNameError(f"stage (fad.teacher of {name})", held, names)
        if not names:
            task.settings(self.recipe, self.section)

    def train(
        self, networks: Sequence[str], device: torch.device, *, alone: bool = False
    ) -> None:
        """Trains networks through the stages.

        Args:
            networks: ``reference``, ``supernet``, or names of stand-alone networks.
            device: where.
            alone: whether these are names of stand-alone networks.

        Raises:
            UserError: see `supernet.tasks.base.Task.make_stage`.
        """
        from supernet.candidates import find_candidate
        from supernet.space import SearchSpace

        space = cast(SearchSpace, load_space(self.recipe))
        found = [find_candidate(space, name) if alone else None for name in networks]
        names: list[str | None] = list(self.section.get("stages", {})) or [None]
        for index, name in enumerate(names):
            if self.stage not in (None, name):
                continue
            before = names[index - 1] if index > 0 else None
            start = self.start
            if before is not None and (start is None or self.stage is None):
                start = self.folder / before
            for network, candidate in zip(networks, found, strict=True):
                self._train(name, network, candidate, start, device)

    def _train(
        self, stage: str | None, network: str, candidate: Candidate | None, start: Start,
        device: torch.device,
    ) -> None:
        from supernet.processes import is_first
        from supernet.training.loop import train
        from supernet.training.progress import TrainingProgress
        from supernet.training.run import TrainingRun, is_finished

        task = task_of(self.recipe)
        settings = task.settings(self.recipe, self.section, stage)
        folder = self.folder if stage is None else self.folder / stage
        name = network if candidate is None else candidate.name
        held = task.make_stage(
            self.recipe, name, folder, settings, self.seed, self.photos, device=device,
            workers=self.workers, start=start, teacher=self._teacher(settings),
            candidate=candidate, data=self.data,
        )
        run = TrainingRun(
            writable_folder(folder / name), self.recipe, name, settings, self.seed, held.extra,
            self.save_every,
        )
        label = name if stage is None else f"{stage} {name}"
        if is_first():
            count = sum(parameter.numel() for parameter in held.rule.network.parameters())
            print(f"{label}: {count:,} parameters", file=sys.stderr)
        if is_finished(run):
            if is_first():
                print(f"{label} is trained already ({settings.steps} steps): {run.folder}")
            return
        with ExitStack() as stack:
            progress = None
            if is_first():
                shown = TrainingProgress(label, settings.steps, settings.figure)
                progress = stack.enter_context(shown)
            last = train(
                run, held.rule, held.batches, resume=self.resume,
                report=progress.report if progress else lambda step, figures: None,
                validate=held.validate,
            )
        if is_first():
            figures = [f"{key} {value:.4g}" for key, value in last.items()][:_SHOWN]
            more = f"  and {len(last) - _SHOWN} more" if len(last) > _SHOWN else ""
            print(f"{label} trained: {'  '.join(figures)}{more}", file=sys.stderr)

    def _teacher(self, settings: CommonSettings) -> Start:
        if self.teacher is None and settings.teaching_stage is not None:
            return self.folder / settings.teaching_stage
        return self.teacher
