import math
from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from luts.errors import UserError
from luts.recipes import read_recipe
from luts.spaces import load_space
from supernet import processes
from supernet.pruned import PrunedDistribution
from supernet.spaces._chain import IDENTITY, Block, ChainConfig
from supernet.spaces.bn_nas import bn_nas_small
from supernet.spaces.da_nas import PrunedChainSpace, da_nas, da_nas_small
from supernet.tasks.base import task_of
from supernet.training.growth import Growth
from supernet.training.image_settings import ImageSettings
from supernet.training.loop import TrainingRun, train
from supernet.training.optimisation import Optimisation
from supernet.training.pruning import PruningRule
from supernet.training.pruning_record import PRUNING_FILE, agreement, pruned_stages
from supernet.training.sampling import gflops
from tests.conformance.classifier import ClassifierConformance
from tests.supernet.images import tiny_image_settings
from tests.supernet.test_classification import images
from tests.supernet.test_growth import PRUNING, STEPS
from tests.supernet.tiny import Killed

SMALL = ChainConfig(
    stem=8, stem_stride=2, stages=((12, 2, 2), (16, 1, 2)), last=24, classes=4, height=16, width=16,
    blocks=(IDENTITY, Block(3, 2), Block(5, 2), Block(3, 2, "silu", 2), Block(3, 1, "silu", 1)),
)


def small():
    return PrunedChainSpace("da-nas-small", SMALL, 1)


def made(folder, **changes):
    settings = tiny_image_settings(**{"pruning": PRUNING, "steps": STEPS, "learning_rate": 0.05,
                                      "optimiser": "adamw", "weight_decay": 0.0, **changes})
    growth = Growth.plan(settings.pruning, settings.steps, [2, 0, 1, 3])
    torch.manual_seed(0)
    space = small()
    return space, settings, PruningRule(space, space.build_supernet(), settings, growth,
                                        folder / PRUNING_FILE)


def batch(count=8, classes=(2, 0), seed=0):
    found = images(count, seed=seed)
    found.images = found.images[..., :16, :16]
    found.labels = torch.tensor([classes[index % len(classes)] for index in range(count)])
    return found


class TestDANASSmall(ClassifierConformance):
    @pytest.fixture(scope="class")
    def space(self):
        return da_nas_small()


def test_candidates_are_augmented():
    space = da_nas()
    assert len(space.decisions) == 21
    assert sorted({len(d.choices) for d in space.decisions}) == [24, 25]
    assert max(len(d.choices) for d in da_nas_small().decisions) == 13
    labels = space.decisions[1].labels
    assert len(set(labels)) == 25 and "7×7, expansion 6, swish, squeeze-excite" in labels


def test_what_was_removed_has_no_probability_and_stays_so():
    distribution = PrunedDistribution([5, 2, 1])
    with torch.no_grad():
        distribution.logits[0].copy_(torch.tensor([0.0, 3.0, 1.0, 2.0, -1.0]))
    assert distribution.prune(0.4, 1, np.random.default_rng(0)) == [[4, 0], [], []]
    shares = distribution.shares()
    assert shares[0][[0, 4]].tolist() == [0, 0] and shares[0].sum() == pytest.approx(1)
    assert shares[0][1] == pytest.approx(math.exp(3) / (math.exp(3) + math.exp(1) + math.exp(2)))
    entropy = -(shares[0][shares[0] > 0] * np.log(shares[0][shares[0] > 0])).sum() + math.log(2)
    assert distribution.entropy() == pytest.approx(entropy, abs=1e-5)
    drawn = distribution.sample(np.random.default_rng(0), 300)
    assert set(drawn[:, 0]) == {1, 2, 3}
    again = PrunedDistribution([5, 2, 1])
    again.load_state_dict(distribution.state_dict())
    assert [mask.tolist() for mask in again.left()] == [
        [False, True, True, True, False], [True, True], [True]]
    # One is left at least, whatever the ratio.
    for stage in range(2, 6):
        again.prune(0.9, stage, np.random.default_rng(0))
    assert [int(mask.sum()) for mask in again.left()] == [1, 1, 1]
    assert again.likeliest().tolist()[0] == 1


def test_among_equally_probable_choices_chance_decides():
    gone = []
    for seed in range(40):
        distribution = PrunedDistribution([5])
        gone += distribution.prune(0.4, 1, np.random.default_rng(seed))[0]
    assert set(gone) == set(range(5))


def test_shares_get_the_gradient_that_either_block_would_have(tmp_path):
    """Against the loss of a network whose layer really adds so much of either result."""
    _, _, rule = made(tmp_path)
    network = rule.network.double().eval()
    given = batch()
    given.images = given.images.double()
    shares = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    network.choice = (1, 2, 3)

    def loss_of(rivals):
        network.rivals = rivals
        return F.cross_entropy(network(given.images), given.labels)

    plain = loss_of(None).item()
    compared = loss_of([None, (1, shares), None])
    assert compared.item() == pytest.approx(plain, rel=1e-6)
    (found,) = torch.autograd.grad(compared, shares)

    class Mixed(torch.nn.Module):
        def __init__(self, first, second, parts):
            super().__init__()
            self.first, self.second, self.parts = first, second, parts

        def forward(self, x):
            return (1 + self.parts[0]) * self.first(x) + self.parts[1] * self.second(x)

    blocks, size = network.layers[1], 1e-5
    for place in (0, 1):
        ends = []
        for sign in (1, -1):
            parts = [0.0, 0.0]
            parts[place] = sign * size
            kept = blocks[2]
            blocks[2] = Mixed(kept, blocks[1], parts)
            with torch.no_grad():
                ends.append(loss_of(None).item())
            blocks[2] = kept
        assert float(found[place]) == pytest.approx((ends[0] - ends[1]) / (2 * size), rel=1e-3)


def test_behind_a_norm_a_block_s_own_factor_has_no_gradient_but_its_rival_has(tmp_path):
    """Why two blocks are compared: the layer has no path around it, and a norm follows."""
    _, _, rule = made(tmp_path)
    network = rule.network.double().train()
    given = batch()
    shares = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    network.choice, network.rivals = (1, 2, 3), [None, None, (1, shares)]
    loss = F.cross_entropy(network(given.images.double()), given.labels)
    own, rival = torch.autograd.grad(loss, shares)[0].abs().tolist()
    assert own < 0.02 * rival


def test_the_expected_work_is_the_mean_over_architectures(tmp_path):
    space, _, rule = made(tmp_path)
    with torch.no_grad():
        for number, logits in enumerate(rule.distribution.logits):
            logits.copy_(torch.randn(len(logits), generator=torch.Generator().manual_seed(number)))
    rule.distribution.prune(0.3, 1, np.random.default_rng(0))
    shares = rule.distribution.shares()
    everything = product(*(range(int(n)) for n in space.cardinalities))
    mean = sum(np.prod([p[i] for p, i in zip(shares, vector, strict=True)])
               * gflops(space, np.array(vector)) for vector in everything)
    assert float(rule.expected_gflops().detach()) == pytest.approx(mean, rel=1e-5)
    rule.expected_gflops().backward()
    gradient = rule.distribution.logits[0].grad
    assert torch.isfinite(gradient).all()
    assert (gradient[torch.from_numpy(~rule.distribution.left()[0])] == 0).all()


def test_classes_that_are_not_known_yet_have_no_part(tmp_path):
    _, _, rule = made(tmp_path)
    rule.train_mode()
    figures = rule.backward(batch(), np.random.default_rng(0), 0.0)
    rows = rule.network.classifier.weight.grad.abs().sum(1)
    assert (rows[[0, 2]] > 0).all() and (rows[[1, 3]] == 0).all()
    assert figures["classes"] == 2 and 0 <= figures["error"] <= 100
    late = rule.backward(batch(classes=(0, 1, 2, 3)), np.random.default_rng(0), 8 / STEPS)
    assert late["classes"] == 4


def test_outputs_that_no_image_has_learn_to_be_small(tmp_path):
    space, settings, _ = made(tmp_path)
    growth = Growth.plan(settings.pruning, settings.steps, [2, 0, 1])
    rule = PruningRule(space, space.build_supernet(), settings, growth, tmp_path / "x.jsonl")
    optimiser = torch.optim.SGD(rule.network.classifier.parameters(), 0.1)
    rule.backward(batch(), np.random.default_rng(0), 0.0)
    optimiser.step()
    bias = rule.network.classifier.bias.detach()
    assert bias[1] == 0  # comes later
    assert bias[3] < 0


def test_weights_alone_are_trained_in_the_warm_up(tmp_path):
    _, settings, rule = made(tmp_path)
    optimisation = Optimisation(TrainingRun(tmp_path, "da-nas-small", "supernet", settings, 0, {}),
                                rule)
    rule.train_mode()
    assert rule.growth.warm_up == 2
    for step in range(3):
        moved = max(each.abs().max().item() for each in rule.distribution.logits)
        assert moved == 0
        figures = optimisation.step(batch(seed=step), step)
        assert ("search_loss" in figures) == (step >= 2)
    assert max(float(each.detach().abs().max()) for each in rule.distribution.logits) > 0


def test_logits_learn_from_the_search_half_and_weights_from_the_other(tmp_path):
    gradients = []
    for changed in (None, 0, 7):
        _, _, rule = made(tmp_path)
        rule.train_mode()
        given = batch()
        if changed is not None:
            given.images[changed] = 255 - given.images[changed]
        rule.backward(given, np.random.default_rng(0), 3 / STEPS)
        gradients.append((rule.distribution.logits[0].grad, rule.network.classifier.weight.grad))
    plain, first, last = gradients
    assert not torch.equal(plain[0], first[0]) and torch.equal(plain[1], first[1])
    assert torch.equal(plain[0], last[0]) and not torch.equal(plain[1], last[1])


def test_a_block_that_tells_nothing_loses_probability(tmp_path):
    """Its result is the same whatever comes in; images differ by their brightness."""
    space, settings, rule = made(tmp_path, steps=60, learning_rate=0.01, pruning={
        **PRUNING, "shares": [1.0], "warm_up_epochs": 0, "ratio": 0.0, "rate": 15.0})
    with torch.no_grad():
        norm = rule.network.layers[0][2].norm3
        norm.weight.zero_()
        norm.weight.requires_grad_(False)
    optimisation = Optimisation(TrainingRun(tmp_path, "da-nas-small", "supernet", settings, 0, {}),
                                rule)
    rule.train_mode()
    for step in range(60):
        given = batch(16, (0, 1, 2, 3), seed=step)
        given.images = given.images / 8 + 60 * given.labels[:, None, None, None]
        optimisation.step(given, step)
    shares = rule.distribution.shares()[0]
    # The first layer changes the shape: its choices are blocks 1 to 4.
    assert space.decisions[0].choices == (1, 2, 3, 4)
    assert shares[1] < 0.1 and shares[1] == min(shares)


def tiny_training(folder, *, resume=False, stop_at=None):
    _, settings, rule = made(folder)
    run = TrainingRun(folder, "da-nas-small", "supernet", settings, 0, {}, save_every=1,
                      log_every=1)

    def report(number, figures):
        if number == stop_at:
            raise Killed

    folder.mkdir(exist_ok=True)
    train(run, rule, lambda first: (batch(classes=rule.growth.classes(s), seed=s)
                                    for s in range(first, STEPS)),
          resume=resume, report=report, validate=dict)
    return rule.network.state_dict(), pruned_stages(folder / PRUNING_FILE), rule


@pytest.mark.parametrize("stop_at", [4, 5, 6, STEPS - 1])
def test_a_resumed_training_prunes_as_the_uninterrupted_one(tmp_path, stop_at):
    """Stopped before, at and behind the step that closes the first stage."""
    whole, stages, rule = tiny_training(tmp_path / "a")
    assert rule.growth.ends == (5, STEPS)
    with pytest.raises(Killed):
        tiny_training(tmp_path / "b", stop_at=stop_at)
    again, told, _ = tiny_training(tmp_path / "b", resume=True)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert told == stages


def test_a_stage_s_decisions_are_written_down(tmp_path):
    _, (first, second), rule = tiny_training(tmp_path / "a")
    space = rule.space
    assert [each["class_count"] for each in (first, second)] == [2, 4]
    assert first["classes"] == [2, 0] and first["step"] == 5
    for name, gone in first["removed"].items():
        scores = first["scores"][name]
        kept = [value for value in scores if int(value) not in gone]
        assert len(gone) == int(0.4 * len(scores) + 1e-9)
        assert all(scores[str(value)] <= min(scores[k] for k in kept) for value in gone)
        assert set(second["scores"][name]) == set(kept)
    assert -1 <= second["agreement"]["kendall"] <= 1 and second["agreement"]["pairs"] > 0
    left = [len(second["scores"][d.name]) - len(second["removed"][d.name])
            for d in space.decisions]
    assert left == [int(mask.sum()) for mask in rule.distribution.left()]
    likeliest = rule.landmarks(space)["likeliest"]
    assert all(mask[i] for mask, i in zip(rule.distribution.left(), likeliest, strict=True))


def test_agreement_counts_pairs_within_decisions():
    before = {"a": {"0": 0.5, "1": 0.3, "2": 0.2}, "b": {"0": 0.9, "1": 0.1}}
    after = {"a": {"0": 0.6, "1": 0.1, "2": 0.3}, "b": {"0": 0.2, "1": 0.8}}
    # Of a, two of three pairs keep their order; of b the only one turns.
    assert agreement(before, after) == {"kendall": 0.0, "pairs": 4}
    assert agreement(before, {"a": {"0": 0.7, "2": 0.3}})["kendall"] == 1.0
    assert agreement(before, {"a": {"0": 0.5, "1": 0.5}}) == {"pairs": 0}


def test_only_what_can_be_pruned_is(tmp_path, monkeypatch):
    settings = tiny_image_settings(pruning=PRUNING, steps=STEPS)
    growth = Growth.plan(settings.pruning, STEPS, range(10))
    space = bn_nas_small()
    with pytest.raises(UserError, match="nothing can be removed.*'bn-nas-small'"):
        PruningRule(space, space.build_supernet(), settings, growth, tmp_path / PRUNING_FILE)
    monkeypatch.setattr(processes.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(processes.distributed, "get_world_size", lambda: 2)
    with pytest.raises(UserError, match="one process"):
        made(tmp_path)


def test_recipes_name_what_is_known_of_the_paper():
    for recipe in ("da-nas", "da-nas-small"):
        settings = task_of(recipe).settings(recipe, read_recipe(recipe)["training"])
        assert isinstance(settings, ImageSettings)
        pruning = settings.pruning
        assert pruning.shares == (0.1, 0.3, 0.6, 1.0) and pruning.ratio == 0.4
        assert (pruning.warm_up_epochs, pruning.epochs) == (10, 20)
        assert isinstance(load_space(recipe), PrunedChainSpace)
