"""Scores of many classifiers on the same held-out images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from luts.errors import UserError
from luts.space import Architecture
from luts.spaces import load_space
from supernet.data.images.source import ImageSource
from supernet.indicator import IndicatorSpace, block_scores, indicator
from supernet.network import Network
from supernet.recalibrate import recalibrate
from supernet.tasks.labels import CHUNK, label_metrics, logits_of
from supernet.training.image_settings import ImageSettings
from supernet.training.image_stage import open_images, outputs_of

if TYPE_CHECKING:
    from supernet.space import SearchSpace

INDICATOR = "bn_indicator"


class LabelJudge:
    """See `supernet.tasks.base.Judge`.

    Args:
        recipe: name.
        settings: training section; says what is held out.
        count: images to score on (None: as the settings say).
        device: where networks run.
        data: place of the images (None: the settings' named set).
    """

    def __init__(
        self, recipe: str, settings: ImageSettings, count: int | None, device: torch.device,
        data: Path | None,
    ) -> None:
        space = cast("SearchSpace", load_space(recipe))
        source = ImageSource(open_images(settings, data), settings, space.input_height,
                             space.input_width, outputs_of(space))
        self._data = "the recipe's own images" if data is None else f"'{data}'"
        self._split = {"images_sha256": source.identity["images_sha256"],
                       "held_out": settings.held_out}
        self._held = source.held_out(count).to(device)
        self._calibration = source.calibration().to(device)

    def check(self, trained: Mapping[str, Any], name: str) -> None:
        """See `Judge`."""
        if trained.get("images_sha256") != self._split["images_sha256"]:
            raise UserError(f"'{name}' was trained on other images than {self._data}; give --data")
        share, here = trained["settings"]["held_out"], self._split["held_out"]
        if share != here:
            raise UserError(f"'{name}' was trained with held_out = {share}, so it may have seen "
                            f"what is held out here ({here}); give --set held_out={share}")

    def score(self, network: Network) -> dict[str, float]:
        """See `Judge`."""
        recalibrate(network, self._calibration, chunk=CHUNK)
        return label_metrics(logits_of(network, self._held.images), self._held.labels)

    def score_inherited(
        self, space: SearchSpace, supernet: Any, architecture: Architecture
    ) -> dict[str, float]:
        """See `Judge`; adds ``bn_indicator``, negated, where the space has one."""
        network = space.inherit(supernet, architecture)
        found = self.score(network.to(self._held.images.device))
        if isinstance(space, IndicatorSpace):
            vector = np.asarray(space.encode(architecture))[None]
            found[INDICATOR] = -float(indicator(block_scores(space, supernet), vector)[0])
        return found
