"""`supernet.evaluate` for classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from luts.errors import UserError
from supernet.data.images.find import find_images
from supernet.data.images.sets import Images, ImageSet
from supernet.data.images.source import ImageSource
from supernet.network import Network
from supernet.recalibrate import recalibrate
from supernet.score import load_network
from supernet.tasks.labels import CHUNK, label_metrics, logits_of
from supernet.tasks.request import Request
from supernet.tasks.scored_images import trained_source
from supernet.training.image_settings import ImageSettings
from supernet.training.image_stage import outputs_of
from supernet.weights import load_alone, load_part


def evaluate_labels(request: Request) -> tuple[str, list[dict[str, Any]]]:
    """See `supernet.tasks.base.Task.evaluate`."""
    _refuse(request)
    images = find_images(request.data)
    images.check()
    space = request.space
    network, origin, settings = _network(request)
    source = ImageSource(images, settings, space.input_height, space.input_width,
                         outputs_of(space))
    if request.calibrate is not None:
        calibrating = find_images(request.calibrate)
        calibrating.check()
        frames = ImageSource(calibrating, settings, space.input_height, space.input_width,
                             outputs_of(space)).calibration()
        recalibrate(network, frames, chunk=CHUNK)
    part, chosen = _part(request, images, settings)
    logits = _logits(network.to(request.device), source, chosen, request.device)
    labels = torch.from_numpy(chosen.labels)
    rows = {
        name: label_metrics(logits[labels == index], labels[labels == index])
        for index, name in enumerate(images.classes) if bool((labels == index).any())
    }
    return origin, [{
        "data": images.name, "group": part, "count": len(chosen),
        "mean": label_metrics(logits, labels), "classes": rows,
    }]


def _refuse(request: Request) -> None:
    for option, value in (("--pair", request.only), ("--iterations", request.iterations),
                          ("--warm-start", request.warm_start), ("--scales", request.scales),
                          ("--pictures", request.pictures)):
        if value:
            raise UserError(f"{option}: recipe {request.space.name} is of classification, which "
                            "has none")


def _part(request: Request, images: ImageSet, settings: ImageSettings) -> tuple[str, Images]:
    """The images to score: usually the test part, or what is held out where there is none."""
    train, held_out = images.split(settings.held_out)
    parts = {"train": train, "val": held_out, "all": images.train}
    if images.test is not None:
        parts["test"] = images.test
    name = request.split or ("test" if "test" in parts else "val")
    if name not in parts:
        raise UserError(f"--split {name}: image set '{images.name}' has {', '.join(parts)}")
    return name, parts[name]


def _logits(
    network: Network, source: ImageSource, images: Images, device: torch.device
) -> torch.Tensor:
    found = []
    for start in range(0, len(images), CHUNK):
        indices = np.arange(start, min(start + CHUNK, len(images)))
        found.append(logits_of(network, source.middle(images, indices).images.to(device)).cpu())
    return torch.cat(found)


def _network(request: Request) -> tuple[Network, str, ImageSettings]:
    """The network, where its weights are from, and how it was trained."""
    space, chosen, weights = request.space, request.candidate, request.weights
    if request.run is not None and chosen is not None:
        network = load_network(chosen.build(), request.run / "best.safetensors")
        return network, "search", ImageSettings()
    alone = chosen is not None and weights is not None and (weights / chosen.name).is_dir()
    name = "reference" if chosen is None else chosen.name if alone else "supernet"
    source = trained_source(space, weights, name)
    if chosen is None:
        network, _ = load_part(space, "reference", weights)
    elif alone and weights is not None:
        network, _ = load_alone(space, chosen, weights)
    elif chosen.architecture is None:
        raise UserError(f"--architecture {chosen.name}: no weights of it in '{weights}'")
    else:
        supernet, _ = load_part(space, "supernet", weights)
        network = space.inherit(supernet, chosen.architecture)
    recalibrate(network, source.calibration(), chunk=CHUNK)
    origin = name if not alone else "trained alone"
    return network.requires_grad_(False), origin, source.settings

