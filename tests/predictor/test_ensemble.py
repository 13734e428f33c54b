from __future__ import annotations

import json

import numpy as np
import pytest

from luts.errors import CorruptFileError
from predictor.ensemble import TreeEnsemble

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(300, 6)).astype(np.float32)
TARGETS = VALUES[:, 0] * (VALUES[:, 1] > 0) + RNG.normal(0, 0.1, 300)


def grown(depth: int, rounds: int, targets: np.ndarray = TARGETS) -> bytes:
    import xgboost

    data = xgboost.DMatrix(VALUES, label=targets, nthread=1)
    settings = {"max_depth": depth, "base_score": 0.0, "nthread": 1, "gamma": 0.2, "verbosity": 0}
    return bytes(xgboost.train(settings, data, num_boost_round=rounds).save_raw("json"))


@pytest.mark.parametrize(("depth", "rounds"), [(1, 5), (2, 60), (3, 20), (5, 7)])
def test_it_sums_as_the_library_does(depth: int, rounds: int) -> None:
    import xgboost

    source = grown(depth, rounds)
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(source))
    # Values on a threshold are the hard case, so the training values are among these.
    fresh = np.concatenate([VALUES, RNG.normal(size=(1000, 6)).astype(np.float32)])
    np.testing.assert_allclose(
        TreeEnsemble.parse(source, 6)(fresh), booster.inplace_predict(fresh), atol=2e-6
    )


@pytest.mark.parametrize(("depth", "rounds"), [(1, 5), (2, 60), (5, 7)])
def test_few_cases_have_exactly_the_values_of_many(
    depth: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = TreeEnsemble.parse(grown(depth, rounds), 6)
    together = ensemble(VALUES)
    monkeypatch.setattr("predictor.ensemble._FEW", -1)
    np.testing.assert_array_equal(together, ensemble(VALUES))


def test_trees_without_a_split_are_constants() -> None:
    ensemble = TreeEnsemble.parse(grown(2, 3, targets=np.full(300, 0.5)), 6)
    assert len(ensemble.leaves) == 1
    values = ensemble(VALUES)
    assert values.shape == (300,)
    assert 0 < values[0] < 0.5
    assert (values == values[0]).all()


def test_no_cases_have_no_values() -> None:
    assert TreeEnsemble.parse(grown(2, 3), 6)(np.empty((0, 6))).shape == (0,)


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: model.clear(),
        lambda model: model["learner"]["gradient_booster"]["model"]["trees"].clear(),
        lambda model: model["learner"]["learner_model_param"].update(base_score="[5E-1]"),
        lambda model: _first(model)["left_children"].__setitem__(0, 0),
        lambda model: _first(model)["left_children"].__setitem__(0, 10_000),
        lambda model: _first(model)["split_indices"].__setitem__(0, 6),
        lambda model: _first(model)["split_conditions"].clear(),
    ],
)
def test_other_models_are_refused(damage) -> None:
    model = json.loads(grown(2, 3))
    damage(model)
    with pytest.raises(CorruptFileError, match="cannot be read"):
        TreeEnsemble.parse(json.dumps(model).encode(), 6)


def _first(model: dict) -> dict:
    return model["learner"]["gradient_booster"]["model"]["trees"][0]
