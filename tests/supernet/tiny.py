"""Trainings of seconds, for tests."""

import torch

from supernet.data.photos import bundled_photos
from supernet.data.render import FlowBatch, RenderSettings, render_batch
from supernet.processes import own_part
from supernet.spaces.flownas import flownas_small
from supernet.training.loop import TrainingRun, train
from supernet.training.rules import StandaloneRule
from supernet.training.sandwich import SandwichRule
from supernet.training.settings import training_settings

TINY = {
    "steps": 4, "batch": 1, "iterations": 2, "precision": "fp32",
    "render": {"height": 64, "width": 64},
}


def tiny_settings(**changes):
    return training_settings("flownas-small", {**TINY, **changes})


def tiny_pairs(count=4, batch=1):
    return [render_batch(bundled_photos(), RenderSettings(height=64, width=64), batch, seed)
            for seed in range(count)]


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test handles it."""


def tiny_rule(kind, settings):
    space = flownas_small()
    torch.manual_seed(0)
    if kind == "reference":
        return StandaloneRule(space.build_reference(), settings)
    teacher = space.build_reference().eval().requires_grad_(False)
    return SandwichRule(space, space.build_supernet(), teacher, settings)


def own_pairs(batch):
    part = own_part(len(batch.flow))
    return FlowBatch(batch.frame1[part], batch.frame2[part], batch.flow[part], batch.valid[part])


def tiny_training(folder, settings, pairs, kind, *, resume=False, stop_at=None, rule=None):
    rule = rule or tiny_rule(kind, settings)
    run = TrainingRun(folder, "flownas-small", kind, settings, 0, {}, save_every=2, log_every=1)

    def report(step, figures):
        if step == stop_at:
            raise Killed

    folder.mkdir(exist_ok=True)
    last = train(run, rule, lambda first: (own_pairs(b) for b in pairs[first:]), resume=resume,
                 report=report, validate=lambda: {})
    return last, rule.network.state_dict()
