"""Two processes that train together, against one with the whole batch."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed
from torch.multiprocessing import spawn

from luts.errors import UserError
from supernet.processes import average_gradients, own_part, shared_mean, training_together
from tests.supernet.tiny import own_pairs, tiny_pairs, tiny_rule, tiny_settings, tiny_training

CHANGES = {"batch": 2, "steps": 3, "noisy_start": 1.0, "ema": 0.9,
           "fad": {"weight": 0.1, "norm": "pair"}}
KINDS = ("reference", "supernet")


def known_places_differ(pairs):
    """The two halves of each batch know different numbers of places."""
    for batch in pairs:
        batch.valid[1, :24] = 0
    return pairs


def first_gradients(kind, settings, batch):
    rule = tiny_rule(kind, settings)
    rule.train_mode()
    with training_together():
        rule.backward(own_pairs(batch), np.random.default_rng(1), 0.0)
    average_gradients(rule.network.parameters())
    return {n: p.grad for n, p in rule.network.named_parameters() if p.grad is not None}


def together(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    settings = tiny_settings(**CHANGES)
    pairs = known_places_differ(tiny_pairs(3, batch=2))
    for kind in KINDS:
        gradients = first_gradients(kind, settings, pairs[0])
        torch.save(gradients, Path(folder) / f"{kind}-{rank}.pt")
        _, whole = tiny_training(Path(folder) / f"{kind}-whole", settings, pairs, kind)
        # Stopped and resumed on the way.
        tiny_training(Path(folder) / kind, settings, pairs[:2], kind)
        _, resumed = tiny_training(Path(folder) / kind, settings, pairs, kind, resume=True)
        assert all(torch.equal(whole[name], value) for name, value in resumed.items())
    with pytest.raises(UserError, match=r"batch of 3 pairs cannot be divided among 2"):
        own_part(3)
    distributed.destroy_process_group()


def test_two_processes_train_like_one_with_the_whole_batch(tmp_path):
    spawn(together, args=(str(tmp_path),), nprocs=2)
    settings = tiny_settings(**CHANGES)
    pairs = known_places_differ(tiny_pairs(3, batch=2))
    for kind in KINDS:
        expected = first_gradients(kind, settings, pairs[0])
        found = [torch.load(tmp_path / f"{kind}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        assert set(expected) == set(found[0]) == set(found[1])
        # Biases before instance norms have no gradient but rounding.
        least = 1e-6 * torch.stack([gradient.norm() for gradient in expected.values()]).norm()
        for name, gradient in expected.items():
            assert torch.equal(found[0][name], found[1][name])
            assert (found[0][name] - gradient).norm() <= 1e-3 * gradient.norm() + least, name
        whole, _ = tiny_training(tmp_path / f"{kind}-one", settings, pairs, kind)
        lines = (tmp_path / kind / "log.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        assert [record["step"] for record in records] == [1, 2, 3]
        assert records[-1]["loss"] == pytest.approx(whole["loss"], rel=1e-3)
        assert records[-1]["gradient_norm"] == pytest.approx(whole["gradient_norm"], rel=1e-2)


def test_alone_nothing_is_shared():
    x = torch.ones(3, requires_grad=True)
    with training_together():
        assert shared_mean(x) is x
    assert own_part(3) == slice(0, 3)


@pytest.mark.slow
def test_torchrun_trains_and_resumes_like_one_process(tmp_path):
    train = ["-m", "supernet.train", "--network", "supernet", "--teacher", "shipped", "--steps",
             "4", "--save-every", "2", "--threads", "1", "--set", "precision=fp32", "--set",
             "iterations=2", "--set", "render.height=64", "--set", "render.width=64"]
    together = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *train,
                "--out", str(tmp_path / "two")]
    subprocess.run([sys.executable, *train, "--out", str(tmp_path / "one")], check=True)
    process = subprocess.Popen(together, start_new_session=True)
    while not (tmp_path / "two/supernet/checkpoint.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run([*together, "--resume"], check=True)
    last = [(tmp_path / run / "supernet/log.jsonl").read_text().splitlines()[-1]
            for run in ("one", "two")]
    losses = [json.loads(line)["loss"] for line in last]
    assert losses[1] == pytest.approx(losses[0], rel=2e-2)
