"""Accuracy of classification: inherited networks on held-out images, and a score without data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from luts.errors import UserError
from luts.recipes import read_recipe
from luts.space import Architecture, Factor, Vectors
from supernet.accuracy import AccuracySource, Array, Hints, Image, Predict, Terms
from supernet.distribution import Distribution
from supernet.export import INPUT_IMAGE, export_classifier
from supernet.indicator import IndicatorSpace, block_scores
from supernet.network import Network
from supernet.one_thread import OneThread
from supernet.pruned import PrunedDistribution
from supernet.recalibrate import recalibrate
from supernet.space import SearchSpace
from supernet.tasks.label_judge import INDICATOR
from supernet.tasks.label_pictures import answer, shown
from supernet.tasks.labels import CHUNK, label_metrics, logits_of
from supernet.tasks.scored_images import note_of, trained_source
from supernet.training.image_stage import trained_with
from supernet.weights import load_trained

IMPROBABILITY = "improbability"


def _sum(space: SearchSpace, terms: Terms, vector: Vectors) -> float:
    """What terms add up to for one architecture, of shape ``(1, decisions)``."""
    return sum(float(values[space.factor_rows(Factor("", decisions), vector)[0]])
               for decisions, values in terms)


class ClassificationAccuracy(AccuracySource):
    """See `AccuracySource`.

    `score` computes what the recipe's fitness names. Where that is ``bn_indicator`` alone (see
    `supernet.indicator`), or ``improbability``, minus the logarithm of the probability that the
    training's distribution gives (see `supernet.training.parsec`), a search looks at no image. The
    indicator is negated, so that smaller is better.

    Args:
        space: its name is the recipe's.
        weights: folder of a training run (None: shipped weights).
    """

    objective = "error"
    caption = ("The likeliest classes by the exported models; the true one has another colour than "
               "the others.")

    @OneThread()
    def __init__(self, space: SearchSpace, weights: Path | None) -> None:
        self.space = space
        self.trained = load_trained(space, weights)
        self.source = trained_source(space, weights)
        self._note = note_of(self.source, trained_with(space, weights)[1])
        self.held = self.source.held_out()
        self.calibration = self.source.calibration()
        self.wanted = set(read_recipe(space.name)["strategy"]["fitness"])
        self.identity = {
            **self.trained.identity, "images": self.source.images.name,
            "images_sha256": str(self.source.identity["images_sha256"]),
            "validation_images": len(self.held.labels),
            "calibration_images": len(self.calibration),
        }
        recalibrate(self.trained.reference, self.calibration, chunk=CHUNK)
        self._sums = self._scores_without_data()

    @OneThread()
    def network(self, architecture: Architecture | None) -> Network:
        """See `AccuracySource`."""
        if architecture is None:
            return self.trained.reference
        network = self.space.inherit(self.trained.supernet, architecture)
        recalibrate(network, self.calibration, chunk=CHUNK)
        return network.requires_grad_(False)

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        """See `AccuracySource`.

        Raises:
            UserError: there are fewer validation images.
        """
        images = len(self.held.labels)
        if pairs is not None and not 1 <= pairs <= images:
            raise UserError(f"{pairs} validation images: there are 1 to {images}")
        vector = self.space.encode(architecture)[None]
        found = {name: _sum(self.space, terms, vector) for name, terms in self._sums.items()
                 if name in self.wanted}
        if self.wanted - set(found) or not found:
            found |= self._metrics(self.network(architecture), pairs)
        return found

    def sums(self) -> Mapping[str, Terms]:
        """See `AccuracySource`; without infinite terms, as those of removed choices."""
        return {name: terms for name, terms in self._sums.items()
                if all(np.isfinite(values).all() for _, values in terms)}

    def remember(self) -> dict[str, Any]:
        """See `AccuracySource`."""
        return self._note

    def _scores_without_data(self) -> dict[str, Terms]:
        """What the supernet itself says of an architecture, smaller is better."""
        space, supernet = self.space, self.trained.supernet
        found: dict[str, Terms] = {}
        if isinstance(space, IndicatorSpace):
            scores = block_scores(space, supernet)
            found[INDICATOR] = [((index,), -each) for index, each in enumerate(scores)]
        distribution = getattr(supernet, "distribution", None)
        if isinstance(distribution, Distribution):
            with torch.no_grad():
                shares = [-each.double().numpy() for each in distribution.log_shares()]
            found[IMPROBABILITY] = list(zip(distribution.groups, shares, strict=True))
        return found

    def hints(self) -> Hints | None:
        """See `AccuracySource`: logarithms of probabilities, where blocks were removed."""
        distribution = getattr(self.trained.supernet, "distribution", None)
        if not isinstance(distribution, PrunedDistribution):
            return None
        return [each.detach().double().cpu().numpy() for each in distribution.log_shares()]

    def score_reference(self) -> dict[str, float]:
        """See `AccuracySource`."""
        return self._metrics(self.trained.reference)

    @OneThread()
    def _metrics(self, network: Network, images: int | None = None) -> dict[str, float]:
        logits = logits_of(network, self.held.images[:images])
        return label_metrics(logits, self.held.labels[:images])

    def export(self, network: nn.Module, path: Path) -> None:
        """See `AccuracySource`."""
        export_classifier(network, self.held.images[:1], path, self.space.lower_all())

    def example_inputs(self) -> dict[str, Array]:
        """See `AccuracySource`."""
        return {INPUT_IMAGE: self.held.images[:1].numpy()}

    def output_of(self, network: nn.Module, inputs: Mapping[str, Array]) -> Array:
        """See `AccuracySource`."""
        with torch.no_grad():
            logits = network.eval()(torch.from_numpy(inputs[INPUT_IMAGE]))
        return cast(Array, logits.numpy())

    def score_model(self, predict: Predict) -> dict[str, float]:
        """See `AccuracySource`."""
        logits = [torch.from_numpy(np.asarray(predict(image[None].numpy())))
                  for image in self.held.images]
        return label_metrics(torch.cat(logits), self.held.labels)

    def pictures(self, predictors: Mapping[str, Predict], count: int) -> list[dict[str, Image]]:
        """See `AccuracySource`; each predictor's panel shows its five likeliest classes."""
        classes = self.source.images.classes
        examples = []
        for index in range(min(count, len(self.held.labels))):
            image, label = self.held.images[index], int(self.held.labels[index])
            panels = {f"image, class {classes[label]}": shown(image.numpy())}
            for title, predict in predictors.items():
                logits = np.asarray(predict(image[None].numpy()))[0, : len(classes)]
                panels[title] = answer(logits, classes, label)
            examples.append(panels)
        return examples

    def parameters(self, architecture: Architecture | None) -> int:
        """See `AccuracySource`."""
        with torch.device("meta"):
            network = (self.space.build_reference() if architecture is None
                       else self.space.build(architecture))
        return sum(parameter.numel() for parameter in network.parameters())
