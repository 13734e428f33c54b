from __future__ import annotations

import json

import numpy as np
import pytest

from evolution.accuracy_model import AccuracyModel, compressed
from evolution.encoding import Encoding
from evolution.region import Region
from luts.errors import CorruptFileError
from tests.evolution.toys import Toys


@pytest.fixture(scope="module")
def encoding(toys: Toys) -> Encoding:
    return Encoding(Region(toys.space, [], toys.predictor.fastest()[None]))


def test_unseen_architectures_are_ranked(toys: Toys, encoding: Encoding) -> None:
    everything = toys.space.everything()
    learn = np.random.default_rng(0).choice(len(everything), 60, replace=False)
    model = AccuracyModel()
    model.fit(encoding(everything[learn]), toys.accuracy.epe(everything[learn]))
    rest = np.delete(everything, learn, axis=0)
    belief = model.predict(encoding(rest))
    truth = -toys.accuracy.epe(rest)
    assert np.corrcoef(belief.mean, truth)[0, 1] > 0.97
    assert (belief.deviation > 0).all()
    best = np.argsort(-belief.improvement())[:5]
    assert truth[best].min() > np.quantile(truth, 0.95)


def test_what_was_seen_is_known_and_what_is_far_is_not(toys: Toys, encoding: Encoding) -> None:
    everything = toys.space.everything()
    near = everything[(everything[:, 4:] == 0).all(axis=1)]
    model = AccuracyModel()
    model.fit(encoding(near), toys.accuracy.epe(near))
    known = model.predict(encoding(near))
    expected = compressed(-toys.accuracy.epe(near))
    assert np.abs(known.mean - expected).max() < 0.3
    far = everything[(everything[:, 4:] == toys.space.cardinalities[4:] - 1).all(axis=1)]
    assert model.predict(encoding(far)).deviation.min() > known.deviation.max()


def test_one_result_and_equal_results_do_no_harm(toys: Toys, encoding: Encoding) -> None:
    vectors = toys.space.everything()[:4]
    for count in (1, 4):
        model = AccuracyModel()
        model.fit(encoding(vectors[:count]), np.ones(count))
        belief = model.predict(encoding(vectors))
        assert np.isfinite(belief.improvement()).all()


def test_only_the_worse_half_is_compressed() -> None:
    score = np.array([-100.0, 0.0, 1.0, 2.0, 3.0])
    pressed = compressed(score)
    assert (np.diff(pressed) > 0).all()
    steps = np.diff(pressed)
    assert steps[2] == pytest.approx(steps[3])
    assert steps[0] < 10 * steps[2]
    assert pressed.mean() == pytest.approx(0, abs=1e-12) and pressed.std() == pytest.approx(1)


def test_a_restored_model_fits_on_from_there(toys: Toys, encoding: Encoding) -> None:
    vectors = toys.space.sample(np.random.default_rng(0), 40)
    fitness = toys.accuracy.epe(vectors)
    model, other = AccuracyModel(), AccuracyModel()
    model.fit(encoding(vectors[:36]), fitness[:36])
    other.restore(json.loads(json.dumps(model.state())))
    for each in (model, other):
        each.fit(encoding(vectors), fitness)
    probe = encoding(toys.space.everything()[::50])
    np.testing.assert_array_equal(model.predict(probe).mean, other.predict(probe).mean)
    with pytest.raises(CorruptFileError, match="accuracy model is damaged"):
        other.restore({"hyper": "none", "fitted": 3})
