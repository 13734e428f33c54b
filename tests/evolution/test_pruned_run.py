"""DA-NAS from training to report by the commands; only the latencies are made up."""

import json

import numpy as np
import pytest

from evolution.folder import JOURNAL
from evolution.known import Known
from evolution.strategies.pruned import ProgressivePruning
from luts.spaces import load_space
from supernet.accuracy import load_accuracy
from supernet.training.pruning_record import PRUNING_FILE, pruned_stages
from tests.conformance.accuracy import AccuracyConformance
from tests.evolution.classifiers import searched, trained

RECIPE = "da-nas-small"
SETTINGS = ["steps=12", "batch=8", "validation_images=20", "calibration_images=8", "precision=fp32"]
FEW = {"samples": 12, "batch": 4, "first": 6, "seeds": 3, "pool": 20}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    trained(RECIPE, folder, SETTINGS)
    return folder


class TestPrunedAccuracy(AccuracyConformance):
    @pytest.fixture(scope="class")
    def accuracy(self, weights):
        return load_accuracy(RECIPE, weights)

    def test_hints_tell_what_is_left(self, accuracy):
        left = accuracy.trained.supernet.distribution.left()
        for scores, mask in zip(accuracy.hints(), left, strict=True):
            assert np.array_equal(np.isfinite(scores), mask)


def test_training_goes_by_what_the_reference_learned_first(weights):
    run = json.loads((weights / "supernet" / "run.json").read_text())
    assert sorted(run["class_order"]) == list(range(10))
    last = json.loads((weights / "reference" / "log.jsonl").read_text().splitlines()[-1])
    errors = [last[f"validation_error_of_class_{c}"] for c in run["class_order"]]
    assert errors == sorted(errors)
    log = [json.loads(line) for line in
           (weights / "supernet" / "log.jsonl").read_text().splitlines()]
    assert 0 <= log[-1]["validation_error_likeliest"] <= 100
    stages = pruned_stages(weights / "supernet" / PRUNING_FILE)
    assert [each["class_count"] for each in stages] == [2, 3, 6, 10]
    assert stages[1]["classes"] == run["class_order"][:3]


def test_the_search_stays_in_what_training_left(weights, tmp_path):
    result, accuracy = searched(RECIPE, tmp_path, weights, FEW)
    assert result.verified, result.reason
    left = accuracy.trained.supernet.distribution.left()
    # Of 12 and 13 candidates 8 are left, then 5, 3, and 2.
    assert {int(mask.sum()) for mask in left} == {2}
    scored = [event for event in map(json.loads, (tmp_path / JOURNAL).read_text().splitlines())
              if event["event"] == "evaluated"]
    assert len(scored) == 12
    taken_back = _taken_back(accuracy, result.constraint.latency_ms, tmp_path)
    for event in scored:
        gone = sum(not mask[v] for mask, v in zip(left, event["vector"], strict=True))
        assert gone <= taken_back
        assert event["upper_ms"] <= result.constraint.latency_ms
    assert set(result.best.metrics) >= {"error", "error_top5", "loss"}


def _taken_back(accuracy, budget_ms, folder):
    """As few removals as the same table asks for."""
    from evolution.constraint import LatencyConstraint
    from evolution.region import Region
    from tests.evolution.toys import ToyPredictor
    from tests.predictor.tables import make_table

    space = load_space(RECIPE)
    table = make_table(space, space.sample(np.random.default_rng(0), 12))
    predictor = ToyPredictor(space, table)
    region = Region(space, [LatencyConstraint(predictor, budget_ms)], predictor.fastest()[None])
    strategy = ProgressivePruning(region, ProgressivePruning.Settings(), 0)
    strategy.inform(Known(choices=accuracy.hints()))
    return strategy.taken_back
