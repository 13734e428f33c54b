"""What one training step computes: a stand-alone network, or a sandwich of a supernet."""

from __future__ import annotations

import abc
from typing import cast

import numpy as np
import torch
from torch import nn

from supernet.data.render import FlowBatch
from supernet.raft.network import FlowNetwork
from supernet.spaces._encoder import ElasticEncoder
from supernet.space import SearchSpace
from supernet.tasks.flow import flow_metrics, sequence_loss
from supernet.training.fad import fad_loss, teacher_maps
from supernet.training.settings import TrainingSettings


class StepRule(abc.ABC):
    """Computes gradients of one batch."""

    network: nn.Module

    @abc.abstractmethod
    def backward(self, batch: FlowBatch, rng: np.random.Generator) -> dict[str, float]:
        """Adds gradients; returns ``loss`` and other figures of the step."""


class StandaloneRule(StepRule):
    """Sequence loss of one network."""

    def __init__(self, network: FlowNetwork, settings: TrainingSettings) -> None:
        self.network = network
        self.settings = settings

    def backward(self, batch: FlowBatch, rng: np.random.Generator) -> dict[str, float]:
        """See `StepRule`."""
        network = cast(FlowNetwork, self.network)
        with autocast(self.settings):
            flows = network.flows(
                batch.frame1, batch.frame2, self.settings.iterations, all_steps=True
            )
        loss = sequence_loss(flows, batch.flow, batch.valid, self.settings.gamma)
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            epe = flow_metrics(flows[-1], batch.flow, batch.valid)["epe"]
        return {"loss": float(loss.detach()), "epe": epe}


class SandwichRule(StepRule):
    """The largest, the smallest and random architectures; gradients are summed.

    The encoders run one architecture after the other; the head, which all share, runs once on
    all of their features stacked, since its feature maps are too small to fill a processor.
    """

    def __init__(
        self, space: SearchSpace, supernet: FlowNetwork, teacher: FlowNetwork | None,
        settings: TrainingSettings,
    ) -> None:
        self.space = space
        self.network = supernet
        self.teacher = teacher
        self.settings = settings

    def backward(self, batch: FlowBatch, rng: np.random.Generator) -> dict[str, float]:
        """See `StepRule`."""
        supernet, fad = cast(FlowNetwork, self.network), self.settings.fad
        vectors = [self.space.largest, self.space.smallest]
        vectors += list(self.space.sample(rng, self.settings.sandwich.random))
        use_fad = self.teacher is not None and fad.weight > 0
        if use_fad:
            assert self.teacher is not None
            with torch.no_grad(), autocast(self.settings):
                taught = [
                    teacher_maps(taps, fad)
                    for taps in self.teacher.features(batch.frame1, batch.frame2)
                ]
        left, right, contexts = [], [], []
        distance = torch.zeros(())
        for vector in vectors:
            choice = self.space.encoder_choice(self.space.decode(vector))
            cast(ElasticEncoder, supernet.fnet).choice = choice
            cast(ElasticEncoder, supernet.cnet).choice = choice
            with autocast(self.settings):
                features, context = supernet.features(batch.frame1, batch.frame2)
            if use_fad:
                distance = distance + fad_loss(features, taught[0], fad)
                distance = distance + fad_loss(context, taught[1], fad)
            one, two = features[-1].chunk(2)
            left.append(one)
            right.append(two)
            contexts.append(context[-1])
        count = len(vectors)
        with autocast(self.settings):
            flows = supernet.head(
                torch.cat(left), torch.cat(right), torch.cat(contexts),
                self.settings.iterations, all_steps=True,
            )
        target, valid = batch.flow.repeat(count, 1, 1, 1), batch.valid.repeat(count, 1, 1)
        # The mean over the stack times its length is the sum of the architectures' losses.
        loss = count * sequence_loss(flows, target, valid, self.settings.gamma)
        total = loss + fad.weight * distance
        total.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            parts = flows[-1].chunk(count)
            errors = [flow_metrics(part, batch.flow, batch.valid)["epe"] for part in parts]
        return {
            "loss": float(total.detach()) / count,
            "epe": float(np.mean(errors)),
            "epe_largest": errors[0],
            "epe_smallest": errors[1],
            "fad": float(distance.detach()) / count,
        }


def autocast(settings: TrainingSettings) -> torch.autocast:
    """The precision that the settings ask for."""
    return torch.autocast("cpu", torch.bfloat16, enabled=half_precision(settings.precision))


def half_precision(precision: str) -> bool:
    """Whether to train in bf16: as told, or where the processor has matrix units for it."""
    if precision == "auto":
        return bool(torch.cpu._is_amx_tile_supported())
    return precision == "bf16"
