"""Estimated tables and their predictor, from the shipped laws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from luts.errors import CorruptFileError, UserError
from luts.target import load_target
from predictor.unmeasured.record import LAWS, load_laws
from predictor.unmeasured.table import (
    EstimatedPredictor,
    estimate_table,
    load_estimated,
    refuse_without_evidence,
)
from tests.conformance.predictor import LatencyPredictorConformance, Reload
from tests.fakes import FakeSpace

SPACE = FakeSpace(cells=3)


class TestConformance(LatencyPredictorConformance):
    @pytest.fixture
    def predictor(self) -> EstimatedPredictor:
        return EstimatedPredictor(SPACE, estimate_table(SPACE, "rtx3090"), 0.95, 0.3)

    @pytest.fixture
    def reload(self) -> Reload:
        return lambda folder: EstimatedPredictor.read(folder, SPACE)


def test_the_shipped_laws_cover_the_targets() -> None:
    book = load_laws()
    assert set(book.targets) == {"rtx3090", "rtx4090", "a100", "t4", "l4", "v100", "orin"}
    for target, precisions in book.targets.items():
        assert set(precisions) == {"fp32", "fp16"} <= set(load_target(target).precisions)
    assert not book.level("orin", "fp32").evidenced
    assert book.level("rtx3090", "fp32").evidenced


def test_a_target_without_evidence_is_refused_unless_accepted() -> None:
    with pytest.raises(UserError, match="no measured evidence.*--accept-estimate"):
        refuse_without_evidence("l4", "fp16", accept=False)
    refuse_without_evidence("l4", "fp16", accept=True)
    refuse_without_evidence("rtx3090", "fp16", accept=False)


@pytest.mark.parametrize(("target", "precision", "message"), [
    ("cpu", "fp32", "no estimate of target 'cpu'; there are of: a100"),
    ("rtx3090", "int8", "no estimate of 'rtx3090' in precision 'int8'; there are in: fp16, fp32"),
])  # fmt: skip
def test_what_cannot_be_estimated_is_named(target: str, precision: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        estimate_table(SPACE, target, precision)


def test_less_evidence_means_a_wider_bound() -> None:
    book = load_laws()
    known, blind = (book.margins(name, "fp32", 0.9, 1) for name in ("rtx3090", "orin"))
    assert blind[0] > known[0] > 0
    assert blind[1] > known[1] > 0


def test_a_level_that_so_few_networks_cannot_give_is_refused() -> None:
    with pytest.raises(UserError, match=r"level 0.999 needs at least"):
        load_laws().margins("rtx3090", "fp32", 0.999, 1)


def test_the_flow_space_on_every_target() -> None:
    """Faster cards are faster, batches and fp16 go the right way."""
    reference, fastest = {}, {}
    for target in load_laws().targets:
        _, table, predictor = load_estimated(target, "flownas-small")
        assert table.info.kind == "estimated"
        reference[target], upper = predictor.predict_reference()
        assert upper > reference[target] > 0
        fastest[target], slowest = predictor.interval_ms()
        assert fastest[target] < slowest
    assert reference["rtx4090"] < reference["rtx3090"] < reference["t4"]
    half = load_estimated("rtx3090", "flownas-small", precision="fp16")[2]
    assert half.predict_reference()[0] < reference["rtx3090"]


def test_another_space_is_refused() -> None:
    table = estimate_table(SPACE, "rtx3090")
    with pytest.raises(UserError, match="not of the space"):
        EstimatedPredictor(FakeSpace(cells=2), table, 0.95, 0.3)


def test_edited_laws_are_refused(tmp_path: Path) -> None:
    record = json.loads(LAWS.read_text())
    path = tmp_path / "laws.json"
    path.write_text(json.dumps({**record, "waves": 0.0}))
    with pytest.raises(CorruptFileError, match="edited"):
        load_laws(path)


def test_costs_of_factors_add_up_to_the_prediction() -> None:
    table = estimate_table(SPACE, "rtx3090")
    predictor = EstimatedPredictor(SPACE, table, 0.95, 0.3)
    vectors = SPACE.sample(np.random.default_rng(0), 30)
    total = sum(cost[SPACE.factor_rows(factor, vectors)]
                for factor, cost in zip(SPACE.factors, predictor.factor_costs(), strict=True))
    np.testing.assert_allclose(total, predictor.predict(vectors).latency_ms)
