"""Training on a CUDA device against training on the CPU."""

import numpy as np
import pytest
import torch

from supernet.data.photometry import Photometry
from supernet.data.photos import bundled_photos
from supernet.data.render import RenderSettings, render_batch
from supernet.spaces.flownas import flownas_small
from supernet.training.loop import TrainingRun, train
from supernet.training.rules import StandaloneRule
from supernet.training.sandwich import SandwichRule
from supernet.training.settings import training_settings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]
SETTINGS = training_settings("flownas-small", {
    "steps": 4, "batch": 1, "iterations": 2, "precision": "fp32",
    "render": {"height": 64, "width": 64},
})
CUDA = torch.device("cuda")


@pytest.mark.parametrize("kind", ["reference", "supernet"])
def test_first_step_is_that_of_the_cpu(kind):
    space = flownas_small()
    batch = render_batch(bundled_photos(), RenderSettings(height=64, width=64), 1, 0)
    found = []
    for place in (torch.device("cpu"), CUDA):
        torch.manual_seed(0)
        if kind == "reference":
            rule = StandaloneRule(space.build_reference().to(place), SETTINGS)
        else:
            teacher = space.build_reference().eval().requires_grad_(False).to(place)
            rule = SandwichRule(space, space.build_supernet().to(place), teacher, SETTINGS)
        rule.network.train()
        found.append(rule.backward(batch.to(place), np.random.default_rng(0))["loss"])
    assert found[1] == pytest.approx(found[0], rel=1e-3)


@pytest.mark.parametrize("changes", [
    {"precision": "bf16"}, {"precision": "fp16", "ema": 0.9}, {"compile": True},
], ids=str)
def test_options_train_on_the_device(tmp_path, changes):
    settings = training_settings("flownas-small", {**SETTINGS.model_dump(), **changes})
    batch = render_batch(bundled_photos(), RenderSettings(height=64, width=64), 1, 0).to(CUDA)
    space = flownas_small()
    torch.manual_seed(0)
    teacher = space.build_reference().eval().requires_grad_(False).to(CUDA)
    rule = SandwichRule(space, space.build_supernet().to(CUDA), teacher, settings)
    if settings.compile:
        rule.network.head.compile()
    run = TrainingRun(tmp_path, "flownas-small", "supernet", settings, 0, {})
    last = train(run, rule, lambda first: iter([batch] * 4), resume=False,
                 report=lambda step, figures: None, validate=lambda: {})
    assert np.isfinite(last["loss"]) and (tmp_path / "checkpoint.safetensors").is_file()


def test_checkpoints_resume_on_the_device(tmp_path):
    space = flownas_small()
    batches = [render_batch(bundled_photos(), RenderSettings(height=64, width=64), 1, seed)
               for seed in range(4)]
    run = TrainingRun(tmp_path, "flownas-small", "reference", SETTINGS, 0, {}, save_every=2)

    def go(resume, stop_at=None):
        def report(step, figures):
            if step == stop_at:
                raise KeyboardInterrupt

        torch.manual_seed(0)
        rule = StandaloneRule(space.build_reference().to(CUDA), SETTINGS)
        return train(run, rule, lambda first: (b.to(CUDA) for b in batches[first:]),
                     resume=resume, report=report, validate=lambda: {})

    with pytest.raises(KeyboardInterrupt):
        go(False, stop_at=3)
    assert np.isfinite(go(True)["loss"])


def test_scenes_on_the_device_are_those_of_the_cpu():
    """All but the noise of single pixels, which is drawn where it is needed."""
    quiet = Photometry(noise=0)
    settings = RenderSettings(height=64, width=96, photometry=quiet, version="scenes")
    here, there = (render_batch(bundled_photos(), settings, 4, 3, place)
                   for place in (torch.device("cpu"), CUDA))
    assert there.frame1.device.type == "cuda"
    off = [(a - b.cpu()).abs() for a, b in zip(here.parts(), there.parts(), strict=True)]
    # A rounded level here and there, and pixels on an outline.
    assert all(float(part.median()) <= 1 for part in off[:2])
    assert float((off[2] > 1e-2).float().mean()) < 0.01
