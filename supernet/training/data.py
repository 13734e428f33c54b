"""Batches for training, rendered or of data sets, settled by seed and step alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from luts.errors import UserError
from luts.recipes import read_recipe
from supernet.data.collection import DataSet, find_data
from supernet.data.loader import batches_of
from supernet.data.mixes import OWN, Mix, check_mixes, find_mix, mix_of_all
from supernet.data.motion import MotionStatistics
from supernet.data.photos import bundled_photos, folder_photos
from supernet.data.render import FlowBatch, RenderSettings, render_batch
from supernet.data.source import FolderSource, PairSource
from supernet.processes import own_part
from supernet.training.settings import TrainingSettings, training_settings

_VALIDATION_SEED = 1 << 40


class RenderedPairs:
    """A `PairSource` that renders.

    Args:
        photos: textures.
        settings: size and motion of pairs, and how many make a batch.
        seed: of the batches.
        name: of the photographs.
    """

    def __init__(
        self, photos: Sequence[torch.Tensor], settings: TrainingSettings, seed: int,
        name: str = "bundled",
    ) -> None:
        self.photos, self.settings, self.seed = photos, settings, seed
        self.render = render_settings(settings)
        self.identity: dict[str, Any] = {"photos": name}

    def batch(
        self, step: int, part: slice = slice(None), device: torch.device | None = None
    ) -> FlowBatch:
        """See `PairSource`; a seed settles a batch as a whole, so all of it is rendered."""
        whole = render_batch(
            self.photos, self.render, self.settings.batch, batch_seed(self.seed, step), device
        )
        return FlowBatch(*(values[part].clone() for values in whole.parts()))

    def held_out(self, count: int) -> FlowBatch:
        """See `PairSource`."""
        return validation_batch(self.photos, self.render, count)

    def calibration(self, count: int) -> torch.Tensor:
        """See `PairSource`; other pairs than the held-out ones."""
        return validation_batch(self.photos, self.render, count, part=1).frame1


def open_source(
    recipe: str, settings: TrainingSettings, seed: int, photos: Path | None, folder: Path | None
) -> PairSource:
    """The pairs of a stage.

    Args:
        recipe: its ``data`` section names mixes of data sets.
        settings: training section; its ``data`` is such a mix, ``own`` or ``rendered``.
        seed: of the batches.
        photos: folder of photographs that pairs are rendered from (None: those of installed
            packages).
        folder: of data sets (None: pairs are rendered).

    Raises:
        UserError: the stage trains on other data than rendered pairs and there is no folder, data
            sets or photographs are missing, or the processes that train together cannot share its
            batches.
        CorruptFileError: files of the data sets are missing or broken.
    """
    own_part(settings.batch)
    if folder is not None:
        sets = find_data(folder)
        return FolderSource(_mix(recipe, settings, sets), folder, settings.batch, seed, sets)
    if settings.data != "rendered":
        raise UserError(
            f"this stage trains on '{settings.data}'; name the folder that holds it with --data "
            "FOLDER, or add --data rendered to train on rendered pairs in its place"
        )
    found = bundled_photos() if photos is None else folder_photos(photos)
    return RenderedPairs(found, settings, seed, str(photos or "bundled"))


def check_folder(
    recipe: str, section: dict[str, Any], stage: str | None, folder: Path
) -> None:
    """Looks for the data of all stages before the first of them is trained.

    Args:
        recipe: name.
        section: training section.
        stage: the only one to train (None: all).
        folder: of data sets.

    Raises:
        UserError: data sets are missing; all are named.
        CorruptFileError: files are missing or broken; all are counted.
    """
    names = [stage] if stage else list(section.get("stages", {})) or [None]
    stages = [training_settings(recipe, section, name) for name in names]
    sets = find_data(folder)
    check_mixes([_mix(recipe, settings, sets) for settings in stages], sets, folder)
    for note in (note for held in sets for note in held.notes):
        print(f"note: {note}", file=sys.stderr)


def _mix(recipe: str, settings: TrainingSettings, sets: Sequence[DataSet]) -> Mix:
    if settings.data in ("rendered", OWN):
        return mix_of_all(sets, settings.render.height, settings.render.width)
    return find_mix(recipe, read_recipe(recipe).get("data", {}), settings.data)


def stage_batches(
    source: PairSource, settings: TrainingSettings, first: int, workers: int,
    device: torch.device,
) -> Iterator[FlowBatch]:
    """This process's part of the batches from a step on, on a device.

    Scenes are rendered where they are needed; everything else is read or rendered ahead by worker
    processes.
    """
    part = own_part(settings.batch)
    if isinstance(source, RenderedPairs) and device.type != "cpu" and (
        source.render.version == "scenes"
    ):
        for step in range(first, settings.steps):
            yield source.batch(step, part, device)
        return
    for batch in batches_of(source, first, settings.steps, workers, part):
        yield batch.to(device)


def render_settings(settings: TrainingSettings) -> RenderSettings:
    """Rendering as the training section asks for it."""
    render = settings.render
    motion = MotionStatistics(largest_px=render.largest_motion_px)
    return RenderSettings(
        height=render.height, width=render.width, motion=motion, version=render.version
    )


def batch_seed(seed: int, step: int) -> int:
    """Seed of one training batch; disjoint from those of validation."""
    return (seed << 24) + step


def validation_batch(
    photos: Sequence[torch.Tensor], render: RenderSettings, count: int, *, part: int = 0
) -> FlowBatch:
    """Held-out rendered pairs, the same in every run.

    Args:
        photos: textures.
        render: size and statistics.
        count: pairs.
        part: 0 for scores, 1 for the recalibration of batch norms.
    """
    return render_batch(photos, render, count, _VALIDATION_SEED + part)
