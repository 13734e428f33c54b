"""Accuracy of optical flow: inherited networks on held-out rendered pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from luts.errors import UserError
from luts.space import Architecture
from supernet.accuracy import AccuracySource, Array, Image, Predict
from supernet.data.colour import flow_colours
from supernet.data.photos import bundled_photos
from supernet.data.render import FlowBatch, RenderSettings
from supernet.export import INPUTS, export_network
from supernet.one_thread import OneThread
from supernet.raft.network import FlowNetwork
from supernet.raft.space import FlowSpace
from supernet.recalibrate import recalibrate
from supernet.tasks.flow import flow_metrics
from supernet.training.data import validation_batch
from supernet.training.fad import feature_distance
from supernet.training.settings import rendered_settings
from supernet.weights import load_part, load_trained

VALIDATION_PAIRS = 8
_CHUNK = 4


def rendered_as_trained(space: FlowSpace) -> RenderSettings:
    """Pairs of a space's input size from the renderer that its recipe trains on."""
    return RenderSettings(
        height=space.input_height, width=space.input_width,
        version=rendered_settings(space.name).render.version,
    )


def calibration_frames(space: FlowSpace) -> torch.Tensor:
    """Frames (N, 3, H, W) that settle the batch norms of every deployable network of a space.

    The recipe's ``calibration_pairs`` says how many.
    """
    count = rendered_settings(space.name).calibration_pairs
    return validation_batch(bundled_photos(), rendered_as_trained(space), count, part=1).frame1


def deployable_reference(space: FlowSpace, weights: Path | None) -> FlowNetwork:
    """The baseline alone, as `FlowAccuracy.network` gives it; needs no supernet.

    Raises:
        UserError: its weights are missing or of another recipe.
    """
    network, _ = load_part(space, "reference", weights)
    recalibrate(network, calibration_frames(space))
    return cast(FlowNetwork, network)


class FlowAccuracy(AccuracySource):
    """See `AccuracySource`; networks and scores are made on one thread.

    Args:
        space: its input size is that of the validation pairs.
        weights: folder of a training run (None: shipped weights).
    """

    objective = "epe"
    caption = "Flow from the exported models; hue is direction, saturation is speed."

    @OneThread()
    def __init__(self, space: FlowSpace, weights: Path | None) -> None:
        self.space = space
        self.trained = load_trained(space, weights)
        self.reference = cast(FlowNetwork, self.trained.reference)
        self.supernet = cast(FlowNetwork, self.trained.supernet)
        size = rendered_as_trained(space)
        self.pairs = validation_batch(bundled_photos(), size, VALIDATION_PAIRS)
        self.calibration = calibration_frames(space)
        self.identity = {
            **self.trained.identity, "validation_pairs": VALIDATION_PAIRS,
            "calibration_pairs": len(self.calibration),
        }
        recalibrate(self.reference, self.calibration)
        with torch.no_grad():
            taps = self.reference.features(self.pairs.frame1, self.pairs.frame2)
        self._taught = [part[-1] for part in taps]

    @OneThread()
    def network(self, architecture: Architecture | None) -> FlowNetwork:
        """See `AccuracySource`."""
        if architecture is None:
            return self.reference
        network = self.space.inherit(self.supernet, architecture)
        recalibrate(network, self.calibration)
        return network.requires_grad_(False)

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        """See `AccuracySource`; adds ``feature_distance`` to the reference's features.

        Raises:
            UserError: there are fewer validation pairs.
        """
        if pairs is not None and not 0 < pairs <= VALIDATION_PAIRS:
            raise UserError(f"{pairs} validation pairs: there are 1 to {VALIDATION_PAIRS}")
        return self._score(self.network(architecture), pairs or VALIDATION_PAIRS)

    def score_reference(self) -> dict[str, float]:
        """See `AccuracySource`."""
        return self._score(self.reference)

    @OneThread()
    def _score(self, network: FlowNetwork, count: int = VALIDATION_PAIRS) -> dict[str, float]:
        pairs = self.pairs
        flows, distance = [], 0.0
        starts = range(0, count, _CHUNK)
        with torch.no_grad():
            for index in starts:
                part = slice(index, min(index + _CHUNK, count))
                features, context = network.features(pairs.frame1[part], pairs.frame2[part])
                one, two = features[-1].chunk(2)
                flows += network.head(one, two, context[-1], network.iterations)
                # The teacher's features of all frames 1 stand before those of all frames 2.
                half = VALIDATION_PAIRS
                taught = torch.cat([
                    self._taught[0][part], self._taught[0][half + index : half + part.stop]
                ])
                distance += feature_distance(features[-1], taught)
                distance += feature_distance(context[-1], self._taught[1][part])
        metrics = flow_metrics(torch.cat(flows), pairs.flow[:count], pairs.valid[:count])
        return {**metrics, "feature_distance": distance / len(starts)}

    def export(self, network: nn.Module, path: Path) -> None:
        """See `AccuracySource`."""
        space = self.space
        placed = space.lower_reference() if network is self.reference else space.lower_all()
        export_network(network, path, space.input_height, space.input_width, placed)

    def example_inputs(self) -> dict[str, Array]:
        """See `AccuracySource`."""
        frames = (self.pairs.frame1[:1], self.pairs.frame2[:1])
        return {name: frame.numpy() for name, frame in zip(INPUTS, frames, strict=True)}

    def output_of(self, network: nn.Module, inputs: Mapping[str, Array]) -> Array:
        """See `AccuracySource`."""
        frames = [torch.from_numpy(inputs[name]) for name in INPUTS]
        with torch.no_grad():
            return cast(Array, network.eval()(*frames).numpy())

    def score_model(self, predict: Predict) -> dict[str, float]:
        """See `AccuracySource`."""
        flows = [
            torch.from_numpy(np.asarray(predict(one[None].numpy(), two[None].numpy())))
            for one, two in zip(self.pairs.frame1, self.pairs.frame2, strict=True)
        ]
        return flow_metrics(torch.cat(flows), self.pairs.flow, self.pairs.valid)

    def pictures(self, predictors: Mapping[str, Predict], count: int) -> list[dict[str, Image]]:
        """See `AccuracySource`."""
        return [_panels(self.pairs, index, predictors) for index in range(count)]

    def parameters(self, architecture: Architecture | None) -> int:
        """See `AccuracySource`."""
        with torch.device("meta"):
            network = (
                self.space.build_reference() if architecture is None
                else self.space.build(architecture)
            )
        return sum(parameter.numel() for parameter in network.parameters())


def _panels(
    pairs: FlowBatch, index: int, predictors: Mapping[str, Predict]
) -> dict[str, Image]:
    one, two = pairs.frame1[index : index + 1].numpy(), pairs.frame2[index : index + 1].numpy()
    truth = pairs.flow[index].permute(1, 2, 0).numpy()
    largest = float(np.percentile(np.linalg.norm(truth, axis=2), 99))
    panels = {
        "frame 1": one[0].transpose(1, 2, 0).astype(np.uint8),
        "frame 2": two[0].transpose(1, 2, 0).astype(np.uint8),
        "ground truth": flow_colours(truth, largest),
    }
    for title, predict in predictors.items():
        panels[title] = flow_colours(predict(one, two)[0].transpose(1, 2, 0), largest)
    return panels
