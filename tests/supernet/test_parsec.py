import math
from itertools import product

import numpy as np
import pytest
import torch

from luts.errors import UserError
from supernet import processes
from supernet.accuracy import load_accuracy
from supernet.data.images.find import find_images
from supernet.data.images.source import ImageSource
from supernet.distribution import Distribution
from supernet.spaces.chain import ChainSpace
from supernet.training import image_stage, parsec
from supernet.training.optimisation import Optimisation
from supernet.training.parsec import ParsecRule
from supernet.training.run import TrainingRun
from tests.evolution.classifiers import trained
from tests.supernet.images import tiny_image_settings
from tests.supernet.test_bn_nas import SKIPPING
from tests.supernet.test_classification import images

RECIPE, SAMPLING = "parsec-chain-small", {"samples": 6}


def made(**changes):
    space = ChainSpace("bn-nas-small", SKIPPING, 0)
    settings = tiny_image_settings(**{"parsec": SAMPLING, "learning_rate": 0.05, **changes})
    torch.manual_seed(0)
    return space, settings, ParsecRule(space, space.build_supernet(), settings)


def test_probabilities_of_all_architectures_sum_to_1():
    distribution = Distribution([2, 3, 2])
    with torch.no_grad():
        for logits in distribution.logits:
            logits.copy_(torch.randn(len(logits), generator=torch.Generator().manual_seed(1)))
    everything = np.array(list(product(range(2), range(3), range(2))))
    shares = distribution.log_probability(everything).exp().detach().numpy()
    assert shares.sum() == pytest.approx(1, abs=1e-6)
    assert distribution.entropy() == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-5)
    drawn = distribution.sample(np.random.default_rng(0), 4000)
    counted = [(drawn == row).all(1).mean() for row in everything]
    assert np.abs(np.array(counted) - shares).max() < 0.03


def test_logits_follow_the_weighted_log_probabilities():
    """g = sum over samples of w (onehot - p), ascended."""
    _, _, rule = made()
    vectors = np.array([[0, 0, 0, 0], [1, 2, 1, 2]])
    rule._move(vectors, np.array([0.75, 0.25]))
    gradients = [logits.grad.tolist() for logits in rule.distribution.logits]
    assert gradients[0] == pytest.approx([0.5 - 0.75, 0.5 - 0.25])
    assert gradients[1] == pytest.approx([1 / 3 - 0.75, 1 / 3, 1 / 3 - 0.25])


def test_costly_samples_are_pushed_away():
    """FP-NAS: m = w - beta C / sum of C."""
    space, _, rule = made(parsec={**SAMPLING, "cost": 2.0, "target_gflops": 1e-9})
    small, large = space.smallest, np.array([1, 1, 1, 1])
    rule._move(np.stack([small, large]), np.array([0.5, 0.5]))
    gradient = rule.distribution.logits[0].grad
    assert gradient[1] > 0 > gradient[0]
    _, _, free = made(parsec={**SAMPLING, "cost": 2.0, "target_gflops": 1e9})
    free._move(np.stack([small, large]), np.array([0.5, 0.5]))
    assert free.distribution.logits[0].grad.abs().max() < 1e-6


def test_better_blocks_become_likelier_and_samples_fewer(tmp_path, monkeypatch):
    """Where the first choice of the first layer explains the search half better."""
    _, settings, rule = made(parsec={"per_nat": 1.0, "rate": 20.0}, optimiser="adamw")
    monkeypatch.setattr(rule, "_weights", lambda vectors, search: _favour(vectors))
    optimisation = Optimisation(TrainingRun(tmp_path, "bn-nas-small", "supernet", settings, 0, {}),
                                rule)
    rule.train_mode()
    figures = [optimisation.step(images(4, seed=step), 0) for step in range(12)]
    assert rule.distribution.log_shares()[0].exp()[0] > 0.9
    assert figures[0]["samples"] == round(2 * math.log(2) + 2 * math.log(3))
    assert figures[-1]["entropy"] < figures[0]["entropy"]


def _favour(vectors):
    weights = np.where(vectors[:, 0] == 0, 1.0, 1e-3)
    return weights / weights.sum()


def test_weights_are_a_softmax_of_the_summed_log_likelihood():
    space, _settings, rule = made()
    rule.train_mode()
    vectors = np.stack([space.smallest, np.array([1, 1, 1, 1])])
    search = images(4)
    logs = []
    for vector in vectors:
        space.activate(rule.network, space.decode(vector))
        with torch.no_grad():
            shares = rule.network(search.images).log_softmax(1)
        logs.append(float(shares[torch.arange(4), search.labels].sum()))
    expected = np.exp(np.array(logs) - max(logs))
    assert rule._weights(vectors, search) == pytest.approx(expected / expected.sum(), rel=1e-4)


def test_halves_of_a_batch_come_from_disjoint_images():
    plain = {"augment": {"crop": "none", "flip": False}, "batch": 6}
    source = ImageSource(find_images("digits"), tiny_image_settings(parsec=SAMPLING, **plain),
                         8, 8, 10)
    rounds = range(len(source.train) // 3 + 1)
    seen = [{source._index(6 * step + within) for step in rounds for within in half}
            for half in (range(3), range(3, 6))]
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == len(source.train)


def test_one_process_alone_learns_a_distribution(monkeypatch):
    monkeypatch.setattr(processes.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(processes.distributed, "get_world_size", lambda: 2)
    with pytest.raises(UserError, match="one process"):
        made()


def test_several_processes_may_train_the_reference_of_such_a_recipe(tmp_path, monkeypatch):
    for module in (image_stage, parsec):
        monkeypatch.setattr(module, "process_count", lambda: 2)
    settings = tiny_image_settings(parsec=SAMPLING)
    image_stage.make_image_stage(RECIPE, "reference", tmp_path, settings, 0, None)
    with pytest.raises(UserError, match="one process"):
        image_stage.make_image_stage(RECIPE, "supernet", tmp_path, settings, 0, None)


def test_a_search_goes_by_the_probability(tmp_path, monkeypatch):
    trained(RECIPE, tmp_path, [
        "steps=2", "batch=8", "validation_images=8", "calibration_images=8", "precision=fp32",
    ])
    accuracy = load_accuracy(RECIPE, tmp_path)
    logits = accuracy.trained.supernet.distribution.logits
    assert any(float(each.abs().max()) > 0 for each in logits)
    monkeypatch.setattr(accuracy, "network", None)
    space = accuracy.space
    likeliest = space.decode(np.array([int(each.argmax()) for each in logits]))
    least = space.decode(np.array([int(each.argmin()) for each in logits]))
    assert set(accuracy.score(least)) == {"improbability"}
    assert accuracy.score(likeliest)["improbability"] < accuracy.score(least)["improbability"]
