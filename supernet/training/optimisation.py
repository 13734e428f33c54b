"""One step of the weights: rate, scaling, clipping, AdamW, average, and their state on disk."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import torch

from luts.errors import DivergedError
from supernet.data.render import FlowBatch
from supernet.processes import average_figures, average_gradients, training_together
from supernet.training.average import WeightAverage
from supernet.training.checkpoint import load_weights, restore_optimiser, save_checkpoint
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
        self.parameters = list(rule.network.parameters())
        self.adam = torch.optim.AdamW(
            self.parameters, lr=settings.learning_rate, eps=1e-8,
            weight_decay=settings.weight_decay,
        )
        self.scaler = torch.amp.GradScaler(
            self.parameters[0].device.type, enabled=needs_scaling(settings.precision)
        )
        self.average = (
            WeightAverage(rule.network, settings.ema) if settings.ema > 0 else None
        )

    def step(self, batch: FlowBatch, step: int) -> dict[str, float]:
        """Makes one step; returns its figures.

        Args:
            batch: this process's part of the batch.
            step: index of the step, from 0.

        Raises:
            DivergedError: loss or gradients are not finite; names the last good checkpoint.
        """
        settings = self.run.settings
        rate = one_cycle(step, settings.steps + settings.extra_steps, settings.learning_rate,
                         settings.warm_up)
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.zero_grad(set_to_none=True)
        if self.scaler.is_enabled():
            one = torch.ones((), device=self.parameters[0].device)
            self.rule.loss_scale = self.scaler.scale(one).item()
        rng = np.random.default_rng([self.run.seed, step])
        with training_together():
            figures = self.rule.backward(batch, rng, step / settings.steps)
        average_gradients(self.parameters)
        figures = average_figures(figures)
        self.scaler.unscale_(self.adam)
        if settings.clip_value is not None:
            torch.nn.utils.clip_grad_value_(self.parameters, settings.clip_value)
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, settings.clip))
        self._check(figures["loss"], norm, step)
        self.scaler.step(self.adam)
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
        save_checkpoint(self.run.folder / CHECKPOINT, self.rule.network, identity, self.adam,
                        average=average)

    def load(self) -> int:
        """Goes on from the run's checkpoint; returns the steps behind it, 0 without one."""
        path = self.run.folder / CHECKPOINT
        if not path.exists():
            return 0
        saved = self.run.checkpoint()
        load_weights(self.rule.network, saved, path, averaged=False)
        restore_optimiser(self.adam, self.rule.network, saved.optimiser)
        if self.average is not None:
            self.average.restore(saved.average)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(saved.identity["scaler"])
        return int(saved.identity["step"])
