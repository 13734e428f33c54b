import math
from itertools import product

import numpy as np
import pytest
import torch

from supernet.distribution import Distribution

SIZES, GROUPS = [2, 3, 2], [(0, 1), (2,)]
EVERYTHING = np.array(list(product(*map(range, SIZES))))


def filled(seed=0, *, joint=True):
    distribution = Distribution(SIZES, GROUPS)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for logits in distribution.logits:
            logits.copy_(torch.randn(len(logits), generator=generator))
        if joint:
            distribution.joint["0"].copy_(torch.randn(6, generator=generator))
    return distribution


def set_shares(distribution, shares):
    with torch.no_grad():
        distribution.joint["0"].copy_(torch.tensor(shares).log())


def test_probabilities_of_a_joint_distribution_sum_to_1_and_are_drawn():
    distribution = filled()
    shares = distribution.log_probability(EVERYTHING).exp().detach().numpy()
    assert shares.sum() == pytest.approx(1, abs=1e-6)
    assert distribution.entropy() == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-5)
    drawn = distribution.sample(np.random.default_rng(0), 4000)
    counted = np.array([(drawn == row).all(1).mean() for row in EVERYTHING])
    assert np.abs(counted - shares).max() < 0.03


def test_entropy_is_in_nats():
    distribution = Distribution([2, 2], [(0, 1)])
    set_shares(distribution, [0.5, 0.25, 0.125, 0.125])
    assert distribution.entropy() == pytest.approx(1.75 * math.log(2), abs=1e-6)
    # PARSEC's cell: (14 x 21 x 28 x 35)^4 architectures, each as likely as any other.
    pairs = [size for n in range(4) for size in (2 + n, 7) * 2] * 2
    cell = Distribution(pairs, [(2 * i, 2 * i + 1) for i in range(16)])
    assert cell.entropy() == pytest.approx(4 * math.log(14 * 21 * 28 * 35), rel=1e-6)


def test_before_the_switch_it_is_the_product_of_its_factors():
    distribution = filled(joint=False)
    shares = [torch.softmax(logits.detach(), 0) for logits in distribution.logits]
    expected = [float(shares[0][a] * shares[1][b] * shares[2][c]) for a, b, c in EVERYTHING]
    found = distribution.log_probability(EVERYTHING, joint=True).exp().tolist()
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("joint", [False, True])
def test_one_set_of_logits_gets_the_gradient(joint):
    """g = sum of w (onehot - p), of choices or of their combinations; by hand."""
    distribution = filled()
    vectors, weights = np.array([[0, 2, 0], [1, 1, 0]]), torch.tensor([0.75, 0.25])
    (weights * distribution.log_probability(vectors, joint=joint)).sum().backward()
    p = distribution.log_shares()[0].exp().detach().reshape(2, 3)
    hits = torch.zeros(2, 3)
    hits[0, 2], hits[1, 1] = 0.75, 0.25
    expected = hits - p
    if joint:
        assert distribution.logits[0].grad is None and distribution.logits[1].grad is None
        assert torch.allclose(distribution.joint["0"].grad, expected.flatten(), atol=1e-6)
    else:
        assert distribution.joint["0"].grad is None
        assert torch.allclose(distribution.logits[0].grad, expected.sum(1), atol=1e-6)
        assert torch.allclose(distribution.logits[1].grad, expected.sum(0), atol=1e-6)
    # A decision alone has but its own logits.
    alone = torch.tensor([1.0, 0.0]) - torch.softmax(distribution.logits[2], 0).detach()
    assert torch.allclose(distribution.logits[2].grad, alone, atol=1e-6)


@pytest.mark.parametrize(("joint", "together"), [(True, 0.95), (False, 0.5)])
def test_only_a_joint_distribution_learns_what_goes_together(joint, together):
    """Where 00 and 11 are good, independent decisions cannot do better than half of both."""
    distribution = Distribution([2, 2], [(0, 1)])
    good = np.array([[0, 0], [1, 1]])
    optimiser = torch.optim.Adam(distribution.parameters(), lr=0.1)
    for _ in range(80):
        optimiser.zero_grad()
        (-distribution.log_probability(good, joint=joint).sum()).backward()
        optimiser.step()
    share = float(distribution.log_probability(good).detach().exp().sum())
    assert share > together if joint else share == pytest.approx(together, abs=1e-3)


def test_the_likeliest_is_of_the_joint_distribution_not_of_its_margins():
    distribution = Distribution([2, 2], [(0, 1)])
    set_shares(distribution, [0.4, 1e-6, 0.35, 0.25])
    assert distribution.likeliest().tolist() == [0, 0]  # though 1 is likelier for the first alone


def test_groups_are_all_decisions_once():
    with pytest.raises(ValueError, match="3 decisions"):
        Distribution(SIZES, [(0, 1)])


def test_trainings_from_before_samples_were_counted_can_be_read():
    held = filled().state_dict()
    held.pop("drawn")
    read = Distribution(SIZES, GROUPS)
    read.drawn += 5
    read.load_state_dict(held)
    assert int(read.drawn) == 0 and torch.equal(read.joint["0"], held["joint.0"])
