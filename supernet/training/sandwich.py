"""The sandwich rule: a step trains several architectures of a supernet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import numpy as np
import torch

from supernet.data.render import FlowBatch
from supernet.layers.choice import EncoderChoice
from supernet.layers.layout import channels_last
from supernet.processes import process_count
from supernet.raft.network import FlowNetwork, normalised
from supernet.raft.space import FlowSpace
from supernet.spaces._encoder import ElasticEncoder
from supernet.tasks.flow import flow_metrics, sequence_loss
from supernet.training.fad import fad_loss, teacher_maps
from supernet.training.losses import flow_loss, initial_flow
from supernet.training.precision import autocast
from supernet.training.rules import Figures, StepRule
from supernet.training.sampling import StepSampler
from supernet.training.settings import TrainingSettings
from supernet.training.threads import prepare_thread

Gradients = Sequence[torch.Tensor | None]


class SandwichRule(StepRule):
    """The largest, the smallest and random architectures; gradients are summed.

    On CPUs threads share a step: each runs forward and backward of its architectures on its own
    cores, which uses small processors better than sharing every operator. The largest costs
    about as much as the others together and has a thread of its own. Gradients are added in a
    fixed order.

    Args:
        space: of the architectures.
        supernet: what is trained.
        teacher: trained reference (None: no distillation).
        settings: training section.
        groups: threads on CPUs (None: as many as cores and architectures allow, at least 2).
    """

    network: FlowNetwork

    def __init__(
        self, space: FlowSpace, supernet: FlowNetwork, teacher: FlowNetwork | None,
        settings: TrainingSettings, *, groups: int | None = None,
    ) -> None:
        self.space = space
        self.network = supernet
        self.teacher = teacher if settings.fad.weight > 0 else None
        self.settings = settings
        self.parameters = list(supernet.parameters())
        self.sampler = StepSampler(space, settings.sandwich)
        count = len(self.sampler.corners) + settings.sandwich.random
        # Processes that train together must exchange statistics in one order: no threads there.
        alone = process_count() > 1 or self.parameters[0].device.type != "cpu"
        cores = torch.get_num_threads()
        self.groups = 1 if alone else min(count, groups or max(2, cores))
        self._pool = ThreadPoolExecutor(
            self.groups, initializer=prepare_thread, initargs=(max(1, cores // self.groups),)
        )

    def backward(
        self, batch: FlowBatch, rng: np.random.Generator, progress: float = 1.0
    ) -> Figures:
        """See `StepRule`."""
        vectors = self.sampler.draw(rng)
        choices = [self.space.encoder_choice(self.space.decode(vector)) for vector in vectors]
        start = initial_flow(batch, self.settings, rng, progress)
        step = _Step(self, batch, self._teach(batch), start, progress)
        figures: list[Figures] = []
        for grads, found in self._shared(step, choices):
            figures += found
            for parameter, grad in zip(self.parameters, grads, strict=True):
                if grad is not None:
                    parameter.grad = grad if parameter.grad is None else parameter.grad + grad
        means = {key: float(np.mean([f[key] for f in figures])) for key in figures[0]}
        corners = zip(self.sampler.corners, figures, strict=False)
        return {**means, **{f"epe_{name}": found["epe"] for name, found in corners}}

    def _shared(
        self, step: _Step, choices: Sequence[EncoderChoice]
    ) -> Iterator[tuple[Gradients, list[Figures]]]:
        """Gradients and figures of groups of architectures; the first group has the first one."""
        if self.groups == 1:
            for index, choice in enumerate(choices):  # apart, so that memory holds one graph
                yield step.gradients([choice], leads=index == 0)
            return
        rest = self.groups - 1
        dealt = [choices[:1], *(choices[1:][index::rest] for index in range(rest))]
        parts = [
            self._pool.submit(step.gradients, group, leads=index == 0)
            for index, group in enumerate(dealt)
        ]
        for part in parts:
            yield part.result()

    def _teach(self, batch: FlowBatch) -> list[list[torch.Tensor]]:
        if self.teacher is None:
            return []
        with torch.no_grad(), autocast(self.settings, batch.flow.device):
            taps = self.teacher.features(batch.frame1, batch.frame2)
            return [teacher_maps(part, self.settings.fad) for part in taps]


class _Step:
    """One step of a sandwich; with `in_place` the first architecture's flow teaches the others."""

    def __init__(
        self, rule: SandwichRule, batch: FlowBatch, taught: list[list[torch.Tensor]],
        start: torch.Tensor | None, progress: float,
    ) -> None:
        self.rule, self.batch, self.taught, self.start = rule, batch, taught, start
        self.fad_weight = rule.settings.fad.weight_at(progress)
        self.leader: Future[torch.Tensor] = Future()

    def gradients(
        self, choices: Sequence[EncoderChoice], *, leads: bool
    ) -> tuple[Gradients, list[Figures]]:
        """Gradients of the summed losses of some architectures, and each one's figures.

        Args:
            choices: the architectures.
            leads: whether they begin with the one that the others imitate.
        """
        batch, rule = self.batch, self.rule
        both = channels_last(normalised(torch.cat([batch.frame1, batch.frame2])))
        total, figures = torch.zeros((), device=batch.flow.device), []
        try:
            for index, choice in enumerate(choices):
                loss, found = self._loss(both, choice, leads=leads and index == 0)
                total = total + loss
                figures.append(found)
        except BaseException as error:
            if leads and not self.leader.done():
                self.leader.set_exception(error)  # nobody waits for ever
            raise
        grads = torch.autograd.grad(total * rule.loss_scale, rule.parameters, allow_unused=True)
        return grads, figures

    def _loss(
        self, both: torch.Tensor, choice: EncoderChoice, *, leads: bool
    ) -> tuple[torch.Tensor, Figures]:
        batch, settings = self.batch, self.rule.settings
        supernet = self.rule.network
        with autocast(settings, batch.flow.device):
            features = cast(ElasticEncoder, supernet.fnet).taps(both, choice)
            context = cast(ElasticEncoder, supernet.cnet).taps(both[: len(batch.frame1)], choice)
            flows = supernet.head(
                *features[-1].chunk(2), context[-1], settings.iterations, all_steps=True,
                initial=self.start,
            )
        if leads:
            self.leader.set_result(flows[-1].detach())
        loss = flow_loss(features[-1], flows, batch, settings)
        distance = torch.zeros((), device=batch.flow.device)
        for frames, student, teacher in zip((2, 1), (features, context), self.taught, strict=False):
            distance = distance + fad_loss(student, teacher, settings.fad, frames)
        loss = loss + self.fad_weight * distance
        weight = settings.sandwich.in_place
        if weight > 0 and not leads:
            target = self.leader.result()
            loss = loss + weight * sequence_loss(flows, target, batch.valid, settings.gamma)
        with torch.no_grad():
            epe = flow_metrics(flows[-1], batch.flow, batch.valid)["epe"]
        return loss, {"loss": float(loss.detach()), "epe": epe, "fad": float(distance.detach())}
