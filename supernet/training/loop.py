"""The training loop: schedule, checkpoints, logs, resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from luts.errors import DivergedError, UserError
from luts.files import Journal, read_json, write_json
from supernet.data.render import FlowBatch
from supernet.training.checkpoint import (
    load_checkpoint,
    load_weights,
    restore_optimiser,
    save_checkpoint,
)
from supernet.training.rules import StepRule
from supernet.training.schedule import one_cycle
from supernet.training.settings import TrainingSettings

CHECKPOINT = "checkpoint.safetensors"
JOURNAL = "log.jsonl"
RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """Where and what a run trains.

    Attributes:
        folder: holds checkpoint, journal, TensorBoard files and the run's identity.
        recipe: name.
        network: ``reference`` or ``supernet``.
        settings: training section.
        seed: of data, initial weights and sampled architectures.
        extra: further identity, such as the teacher's digest.
        save_every: steps between checkpoints.
        log_every: steps between journal records.
    """

    folder: Path
    recipe: str
    network: str
    settings: TrainingSettings
    seed: int
    extra: dict[str, Any]
    save_every: int = 250
    log_every: int = 50

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for a resume to be allowed."""
        return {
            "recipe": self.recipe, "network": self.network, "seed": self.seed,
            "settings": self.settings.model_dump(mode="json"), **self.extra,
        }


def is_finished(run: TrainingRun) -> bool:
    """Whether the folder holds the finished run with this identity."""
    path = run.folder / CHECKPOINT
    if not (path.is_file() and (run.folder / RUN_FILE).is_file()):
        return False
    saved = load_checkpoint(path, recipe=run.recipe, network=run.network)
    same = read_json(run.folder / RUN_FILE) == run.identity
    return same and int(saved.identity["step"]) >= run.settings.steps


def train(
    run: TrainingRun, rule: StepRule, batches: Callable[[int], Iterator[FlowBatch]], *,
    resume: bool, report: Callable[[int, dict[str, float]], None],
    validate: Callable[[], dict[str, float]],
) -> dict[str, float]:
    """Trains to the last step; returns the last record of the journal.

    Args:
        run: identity and folder.
        rule: computes gradients; its network must be freshly initialised from the run's seed.
        batches: gives the batches from a step on.
        resume: go on from the folder's checkpoint.
        report: called with the step and its figures.
        validate: called at every checkpoint for figures on held-out pairs.

    Raises:
        UserError: the folder holds another run, or training was not asked to resume it.
        DivergedError: the loss is not finite; names the last good checkpoint.
    """
    optimiser = torch.optim.AdamW(
        rule.network.parameters(), lr=run.settings.learning_rate, eps=1e-8,
        weight_decay=run.settings.weight_decay,
    )
    first = _start(run, rule, optimiser, resume)
    journal = Journal(run.folder / JOURNAL)
    _forget_after(journal, first)
    from torch.utils.tensorboard import SummaryWriter

    board = SummaryWriter(str(run.folder / "tensorboard"), purge_step=first)
    rule.network.train()
    window: list[dict[str, float]] = []
    record = journal.records[-1] if journal.records else {}
    began = time.perf_counter()
    done = first
    try:
        for step, batch in enumerate(batches(first), first):
            figures = _step(run, rule, optimiser, batch, step)
            window.append(figures)
            done = step + 1
            report(done, figures)
            last = done == run.settings.steps
            save = last or done % run.save_every == 0
            if save or done % run.log_every == 0:
                means = {key: float(np.mean([w[key] for w in window])) for key in figures}
                means["seconds_per_step"] = (time.perf_counter() - began) / len(window)
                if save:
                    means |= {f"validation_{k}": v for k, v in validate().items()}
                    rule.network.train()
                record = {"step": done, **means}
                journal.append(record)
                for key, value in means.items():
                    board.add_scalar(key, value, done)
                window, began = [], time.perf_counter()
            if save:
                _save(run, rule, optimiser, done)
    finally:
        board.close()
        journal.close()
    return {key: float(value) for key, value in record.items()}


def _start(
    run: TrainingRun, rule: StepRule, optimiser: torch.optim.Optimizer, resume: bool
) -> int:
    path = run.folder / RUN_FILE
    if not path.exists():
        write_json(path, run.identity)
        return 0
    held = read_json(path)
    if held != run.identity:
        differ = sorted(k for k in run.identity if held.get(k) != run.identity[k])
        raise UserError(
            f"'{run.folder}' holds another training run (differs in {', '.join(differ)}); "
            "give another --out"
        )
    if not resume:
        raise UserError(f"'{run.folder}' holds this training run already; add --resume")
    checkpoint = run.folder / CHECKPOINT
    if not checkpoint.exists():
        return 0
    saved = load_checkpoint(checkpoint, recipe=run.recipe, network=run.network)
    load_weights(rule.network, saved, checkpoint)
    restore_optimiser(optimiser, rule.network, saved.optimiser)
    return int(saved.identity["step"])


def _forget_after(journal: Journal, step: int) -> None:
    """Drops records of steps that are trained again, so that each step is logged once."""
    if any(record["step"] > step for record in journal.records):
        kept = [record for record in journal.records if record["step"] <= step]
        journal.rewrite(kept)


def _step(
    run: TrainingRun, rule: StepRule, optimiser: torch.optim.Optimizer, batch: FlowBatch,
    step: int,
) -> dict[str, float]:
    rate = one_cycle(step, run.settings.steps, run.settings.learning_rate)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    progress = step / run.settings.steps
    figures = rule.backward(batch, np.random.default_rng([run.seed, step]), progress)
    norm = torch.nn.utils.clip_grad_norm_(rule.network.parameters(), run.settings.clip)
    if not (math.isfinite(figures["loss"]) and math.isfinite(float(norm))):
        raise DivergedError(
            f"loss {figures['loss']} and gradient norm {float(norm)} at step {step + 1}; "
            f"the last good checkpoint is {run.folder / CHECKPOINT}"
        )
    optimiser.step()
    return {**figures, "gradient_norm": float(norm), "learning_rate": rate}


def _save(
    run: TrainingRun, rule: StepRule, optimiser: torch.optim.Optimizer, step: int
) -> None:
    identity = {**run.identity, "step": step}
    save_checkpoint(run.folder / CHECKPOINT, rule.network, identity, optimiser)
