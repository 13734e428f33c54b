"""What one training step computes: a stand-alone network, or a sandwich of a supernet."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from supernet.data.render import FlowBatch
from supernet.layers.choice import EncoderChoice
from supernet.layers.layout import channels_last
from supernet.raft.config import UPSAMPLE
from supernet.raft.network import FlowNetwork, normalised
from supernet.space import SearchSpace
from supernet.spaces._encoder import ElasticEncoder
from supernet.tasks.flow import flow_metrics, matching_loss, sequence_loss
from supernet.training.fad import fad_loss, teacher_maps
from supernet.training.settings import TrainingSettings
from supernet.training.threads import prepare_thread

_NOISY_UNTIL = 0.5


class StepRule(abc.ABC):
    """Computes gradients of one batch."""

    network: nn.Module

    @abc.abstractmethod
    def backward(
        self, batch: FlowBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> dict[str, float]:
        """Adds gradients; returns ``loss`` and other figures of the step.

        Args:
            batch: pairs.
            rng: settles what is random in this step.
            progress: share of the training that lies behind, 0 to 1.
        """


class StandaloneRule(StepRule):
    """Sequence loss of one network."""

    def __init__(self, network: FlowNetwork, settings: TrainingSettings) -> None:
        self.network = network
        self.settings = settings

    def backward(
        self, batch: FlowBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> dict[str, float]:
        """See `StepRule`."""
        start = initial_flow(batch, self.settings, rng, progress)
        network = cast(FlowNetwork, self.network)
        with autocast(self.settings, batch.flow.device):
            features, context = network.features(batch.frame1, batch.frame2)
            flows = network.head(
                *features[-1].chunk(2), context[-1], self.settings.iterations, all_steps=True,
                initial=start,
            )
        loss = flow_loss(features[-1], flows, batch, self.settings)
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            epe = flow_metrics(flows[-1], batch.flow, batch.valid)["epe"]
        return {"loss": float(loss.detach()), "epe": epe}


class SandwichRule(StepRule):
    """The largest, the smallest and random architectures; gradients are summed.

    The largest costs about as much as the others together, so two threads share a step: each
    runs forward and backward of its architectures on one core, which uses small processors
    better than sharing every operator. Gradients are added in a fixed order.
    """

    def __init__(
        self, space: SearchSpace, supernet: FlowNetwork, teacher: FlowNetwork | None,
        settings: TrainingSettings,
    ) -> None:
        self.space = space
        self.network = supernet
        self.teacher = teacher if settings.fad.weight > 0 else None
        self.settings = settings
        self.parameters = list(supernet.parameters())
        self._pool = ThreadPoolExecutor(2, initializer=prepare_thread, initargs=(1,))

    def backward(
        self, batch: FlowBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> dict[str, float]:
        """See `StepRule`."""
        vectors = [self.space.largest, self.space.smallest]
        vectors += list(self.space.sample(rng, self.settings.sandwich.random))
        choices = [self.space.encoder_choice(self.space.decode(vector)) for vector in vectors]
        taught = self._teach(batch)
        start = initial_flow(batch, self.settings, rng, progress)
        figures: list[dict[str, float]] = []
        for grads, found in self._shared(choices, batch, taught, start):
            figures += found
            for parameter, grad in zip(self.parameters, grads, strict=True):
                if grad is not None:
                    parameter.grad = grad if parameter.grad is None else parameter.grad + grad
        means = {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}
        return {**means, "epe_largest": figures[0]["epe"], "epe_smallest": figures[1]["epe"]}

    def _shared(
        self, choices: Sequence[EncoderChoice], batch: FlowBatch,
        taught: list[list[torch.Tensor]], start: torch.Tensor | None,
    ) -> Iterator[tuple[Sequence[torch.Tensor | None], list[dict[str, float]]]]:
        """Gradients and figures of groups of architectures: two on CPUs, one on a GPU."""
        if batch.flow.device.type != "cpu":
            for choice in choices:  # one after the other, so that memory holds one graph
                yield self._gradients([choice], batch, taught, start)
            return
        parts = [
            self._pool.submit(self._gradients, group, batch, taught, start)
            for group in (choices[:1], choices[1:])
        ]
        for part in parts:
            yield part.result()

    def _teach(self, batch: FlowBatch) -> list[list[torch.Tensor]]:
        if self.teacher is None:
            return []
        with torch.no_grad(), autocast(self.settings, batch.flow.device):
            taps = self.teacher.features(batch.frame1, batch.frame2)
            return [teacher_maps(part, self.settings.fad) for part in taps]

    def _gradients(
        self, choices: Sequence[EncoderChoice], batch: FlowBatch,
        taught: list[list[torch.Tensor]], start: torch.Tensor | None,
    ) -> tuple[Sequence[torch.Tensor | None], list[dict[str, float]]]:
        """Gradients of the summed losses of some architectures, and each one's figures."""
        supernet, fad = cast(FlowNetwork, self.network), self.settings.fad
        both = channels_last(normalised(torch.cat([batch.frame1, batch.frame2])))
        device = batch.flow.device
        total, figures = torch.zeros((), device=device), []
        for choice in choices:
            with autocast(self.settings, device):
                features = cast(ElasticEncoder, supernet.fnet).taps(both, choice)
                context = cast(ElasticEncoder, supernet.cnet).taps(
                    both[: len(batch.frame1)], choice
                )
                flows = supernet.head(
                    *features[-1].chunk(2), context[-1], self.settings.iterations,
                    all_steps=True, initial=start,
                )
            loss = flow_loss(features[-1], flows, batch, self.settings)
            distance = torch.zeros((), device=device)
            for student, teacher in zip((features, context), taught, strict=False):
                distance = distance + fad_loss(student, teacher, fad)
            total = total + loss + fad.weight * distance
            with torch.no_grad():
                epe = flow_metrics(flows[-1], batch.flow, batch.valid)["epe"]
            figures.append({
                "loss": float((loss + fad.weight * distance).detach()), "epe": epe,
                "fad": float(distance.detach()),
            })
        return torch.autograd.grad(total, self.parameters, allow_unused=True), figures


def initial_flow(
    batch: FlowBatch, settings: TrainingSettings, rng: np.random.Generator, progress: float
) -> torch.Tensor | None:
    """Where the iterations start: 0, or for a share of the pairs the true flow plus noise.

    Returns:
        (B, 2, H / 8, W / 8) in coarse pixels, or None for 0 everywhere.
    """
    count = round(settings.noisy_start * len(batch.flow))
    if progress >= _NOISY_UNTIL or count == 0:
        return None
    coarse = F.avg_pool2d(batch.flow, UPSAMPLE) / UPSAMPLE
    # A common offset, as a wrong first guess has, and a rough one.
    noise = rng.normal(0, 1.0, (*coarse.shape[:2], 1, 1)) + rng.normal(0, 0.3, coarse.shape)
    start = coarse + torch.from_numpy(noise).to(coarse)
    start[count:] = 0
    return start


def flow_loss(
    features: torch.Tensor, flows: Sequence[torch.Tensor], batch: FlowBatch,
    settings: TrainingSettings,
) -> torch.Tensor:
    """Sequence loss, and the matching loss of both frames' features (2 B, C, h, w)."""
    loss = sequence_loss(flows, batch.flow, batch.valid, settings.gamma)
    if settings.matching > 0:
        one, two = features.chunk(2)
        loss = loss + settings.matching * matching_loss(one, two, batch.flow, batch.valid)
    return loss


def autocast(settings: TrainingSettings, device: torch.device) -> torch.autocast:
    """The precision that the settings ask for, on a device."""
    # No cache of cast weights: it would be shared by threads that differentiate apart.
    return torch.autocast(
        device.type, torch.bfloat16, enabled=half_precision(settings.precision, device),
        cache_enabled=False,
    )


def half_precision(precision: str, device: torch.device) -> bool:
    """Whether to train in bf16: as told, or where the processor has matrix units for it."""
    if precision == "auto":
        if device.type == "cuda":
            return bool(torch.cuda.is_bf16_supported())
        return bool(torch.cpu._is_amx_tile_supported())
    return precision == "bf16"
