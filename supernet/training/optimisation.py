"""One step of the weights: rate, scaling, clipping, optimiser, average, and their state on disk."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from luts.errors import DivergedError
from supernet.data.batch import Batch
from supernet.processes import average_figures, average_gradients, training_together
from supernet.training.average import WeightAverage
from supernet.training.checkpoint import load_weights, restore_optimiser, save_checkpoint
from supernet.training.common import CommonSettings
from supernet.training.precision import needs_scaling
from supernet.training.rules import StepRule
from supernet.training.run import CHECKPOINT, TrainingRun
from supernet.training.schedule import one_cycle

_SMALLEST_SCALE = 1.0


class Optimisation:
    """Optimiser state of one run.

    Args:
        run: settings and identity.
        rule: computes gradients of its network.
    """

    def __init__(self, run: TrainingRun, rule: StepRule) -> None:
        settings = run.settings
        self.run, self.rule = run, rule
        self.parameters = [p for p in rule.network.parameters() if p.requires_grad]
        self.optimiser = _optimiser(self.parameters, settings, rule.apart())
        self.scaler = torch.amp.GradScaler(
            self.parameters[0].device.type, enabled=needs_scaling(settings.precision)
        )
        self.average = (
            WeightAverage(rule.network, settings.ema) if settings.ema > 0 else None
        )

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Makes one step; returns its figures.

        Args:
            batch: this process's part of the batch.
            step: index of the step, from 0.

        Raises:
            DivergedError: loss or gradients are not finite; names the last good checkpoint.
        """
        settings = self.run.settings
        rate = one_cycle(step, settings.steps + settings.extra_steps, settings.learning_rate,
                         settings.warm_up, settings.final_learning_rate)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)
        # What a step does not touch has no gradient: neither momentum nor decay moves it.
        self.optimiser.zero_grad(set_to_none=True)
        if self.scaler.is_enabled():
            one = torch.ones((), device=self.parameters[0].device)
            self.rule.loss_scale = self.scaler.scale(one).item()
        rng = np.random.default_rng([self.run.seed, step])
        with training_together():
            figures = self.rule.backward(batch, rng, step / settings.steps)
        average_gradients(self.parameters)
        figures = average_figures(figures)
        self.scaler.unscale_(self.optimiser)
        moved = [p for p in self.parameters if p.grad is not None]
        if settings.clip_value is not None and moved:
            torch.nn.utils.clip_grad_value_(moved, settings.clip_value)
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, settings.clip or math.inf))
        self._check(figures["loss"], norm, step)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update(step + 1)
        figures["learning_rate"] = rate
        if self.scaler.is_enabled():
            figures |= {"loss_scale": self.rule.loss_scale,
                        "skipped_steps": float(not math.isfinite(norm))}
        return {**figures, "gradient_norm": norm} if math.isfinite(norm) else figures

    def _check(self, loss: float, norm: float, step: int) -> None:
        # With fp16 a step whose gradients overflow is skipped and the scale halved, for a while.
        overflow = self.scaler.is_enabled() and self.rule.loss_scale > _SMALLEST_SCALE
        if math.isfinite(loss) and (math.isfinite(norm) or overflow):
            return
        path = self.run.folder / CHECKPOINT
        good = f"the last good checkpoint is {path}" if path.exists() else "there is no checkpoint"
        raise DivergedError(f"loss {loss} and gradient norm {norm} at step {step + 1}; {good}")

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Within it the network has the weights that are validated and handed on."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    def save(self, step: int) -> None:
        """Writes the checkpoint behind ``step`` steps."""
        identity: dict[str, Any] = {**self.run.identity, "step": step}
        if self.scaler.is_enabled():
            identity["scaler"] = self.scaler.state_dict()
        average = self.average.weights if self.average is not None else {}
        save_checkpoint(self.run.folder / CHECKPOINT, self.rule.network, identity, self.optimiser,
                        average=average)

    def load(self) -> int:
        """Goes on from the run's checkpoint; returns the steps behind it, 0 without one."""
        path = self.run.folder / CHECKPOINT
        if not path.exists():
            return 0
        saved = self.run.checkpoint()
        load_weights(self.rule.network, saved, path, averaged=False)
        restore_optimiser(self.optimiser, self.rule.network, saved.optimiser)
        if self.average is not None:
            self.average.restore(saved.average)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(saved.identity["scaler"])
        return int(saved.identity["step"])


def _optimiser(
    parameters: Sequence[nn.Parameter], settings: CommonSettings,
    apart: Sequence[tuple[Sequence[nn.Parameter], dict[str, Any]]],
) -> torch.optim.Optimizer:
    """AdamW or SGD; norms and biases are apart where they do not decay."""
    groups: list[dict[str, Any]] = [{"params": list(own), **options} for own, options in apart]
    taken = {id(p) for own, _ in apart for p in own}
    rest = [p for p in parameters if id(p) not in taken]
    if settings.decay_norms:
        groups.append({"params": rest})
    else:
        groups += [
            {"params": [p for p in rest if p.ndim > 1]},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ]
    groups = [group for group in groups if group["params"]]
    if settings.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum,
                               weight_decay=settings.weight_decay)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, eps=1e-8,
                             weight_decay=settings.weight_decay)
