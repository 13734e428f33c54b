from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import predictor
from luts.errors import CorruptFileError, UserError
from luts.library import library_folder
from luts.operator import Operator
from luts.paths import ROOT_VARIABLE
from predictor.estimation.api import executed_operators
from predictor.estimation.estimator import Estimator
from predictor.estimation.unknown import UnknownKinds
from predictor.estimation.whole import fit_interval
from tests.commands import call_main
from tests.predictor.libraries import make_library, random_operators, truth_ms, whole_ms
from tests.profiler.test_reading import save

LIBRARY = make_library()
ODD = Operator.make("non_max_suppression", (1, 500, 4))


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return Estimator.fit(LIBRARY)


@pytest.fixture
def shelf(estimator: Estimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of tables with the library and its fitted estimator."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "tables"))
    folder = library_folder("cpu", "onnxruntime", "fp32", 1)
    LIBRARY.save(folder)
    estimator.save(folder / "estimator-0.95")
    return tmp_path


def test_networks_from_outside_are_estimated(estimator: Estimator) -> None:
    rng = np.random.default_rng(99)
    errors, covered = [], []
    for _ in range(40):
        operators = random_operators(rng)
        found = estimator(operators)
        truth = whole_ms(operators)
        errors.append(abs(found.latency_ms / truth - 1))
        covered.append(found.lower_ms <= truth <= found.upper_ms)
    # Each step scatters by 1 %; what is estimated is known a little worse.
    assert np.mean(errors) < 0.05
    assert np.mean(covered) >= 0.85


def test_measured_operators_keep_their_value(estimator: Estimator) -> None:
    operator = Operator.make("linear", (16, 32), out=32)
    times = [s.latency_ms for s in LIBRARY.occurrences if s.operator == operator]
    assert len(times) > 10
    priced = estimator([operator, operator]).priced
    assert priced.sources == ("measured", "measured")
    by_network: dict[int, list[float]] = {}
    for step in LIBRARY.occurrences:
        if step.operator == operator:
            by_network.setdefault(step.network, []).append(step.latency_ms)
    middle = np.median([np.median(times) for times in by_network.values()])
    assert priced.latency_ms == pytest.approx([middle, middle])


def test_estimated_operators_widen_the_interval(estimator: Estimator) -> None:
    measured = estimator([Operator.make("linear", (16, 32), out=32)])
    estimated = estimator([Operator.make("linear", (17, 33), out=35)])
    assert measured.priced.sources == ("measured",)
    assert estimated.priced.sources == ("estimated",)
    assert measured.priced.doubt == 0 < estimated.priced.doubt
    width = [np.log(w.upper_ms / w.lower_ms) for w in (measured, estimated)]
    assert width[1] > width[0] > 0


def test_an_unknown_kind_is_never_nothing(estimator: Estimator) -> None:
    known = random_operators(np.random.default_rng(5))
    without, with_it = estimator(known), estimator([*known, ODD])
    assert with_it.priced.sources[-1] == "unknown"
    assert with_it.priced.latency_ms[-1] > 0
    assert with_it.latency_ms > without.latency_ms
    # Ten times its guess at least.
    assert with_it.upper_ms - without.upper_ms > 8 * with_it.priced.latency_ms[-1]
    assert with_it.lower_ms < with_it.latency_ms < with_it.upper_ms
    only = estimator([ODD])
    assert 0 <= only.lower_ms < only.latency_ms < only.upper_ms


def test_a_kind_without_a_rule_is_known_where_it_was_measured(estimator: Estimator) -> None:
    # Its cost is unknown, so no model is learned of it; but a measurement is a measurement.
    prices = estimator.prices
    known = type(prices)({**prices.measured, ODD: 0.7}, prices.model, prices.device,
                         prices.unknown)
    priced = known([ODD])
    assert priced.sources == ("measured",)
    assert priced.latency_ms == pytest.approx([0.7])
    guess = UnknownKinds.fit([s.operator for s in LIBRARY.occurrences],
                             np.array([s.latency_ms for s in LIBRARY.occurrences]))
    assert guess.upper_ms(ODD) >= 10 * guess.latency_ms(ODD) > 0.01


def test_weights_of_an_unknown_kind_count_as_work(estimator: Estimator) -> None:
    # A recurrent layer: 50 steps, each through 100,000 weights, at 50 GFLOP/s.
    recurrent = Operator.make("lstm", (50, 1, 64), to=(50, 1, 1, 128), weights=100_000)
    truth = 2 * 50 * 100_000 / 5e7
    found = estimator([recurrent])
    assert found.lower_ms < truth < found.upper_ms


def test_saved_and_read_back(estimator: Estimator, tmp_path: Path) -> None:
    operators = random_operators(np.random.default_rng(7))
    estimator.save(tmp_path)
    again = Estimator.load(tmp_path, LIBRARY)
    assert again(operators).latency_ms == estimator(operators).latency_ms
    assert again(operators).upper_ms == estimator(operators).upper_ms
    with pytest.raises(UserError, match="another library"):
        Estimator.load(tmp_path, make_library(41, seed=1))
    sidecar = tmp_path / "estimator.json"
    text = sidecar.read_text()
    sidecar.write_text(text.replace('"margin": ', '"margin": 1'))
    with pytest.raises(CorruptFileError, match="edited"):
        Estimator.load(tmp_path, LIBRARY)
    sidecar.write_text(text)
    (tmp_path / "operators" / "operators.json").write_text("{}")
    with pytest.raises(CorruptFileError, match="absent, truncated or edited"):
        Estimator.load(tmp_path, LIBRARY)


def test_too_few_networks() -> None:
    with pytest.raises(UserError, match=r"holds 12 networks, an estimate needs 40; .*--force"):
        Estimator.fit(make_library(12))


def test_interval_holds_its_level_and_grows_with_doubt() -> None:
    rng = np.random.default_rng(3)
    doubt = 0.15 * rng.random(2000)
    residuals = rng.standard_normal(2000) * np.sqrt(0.03**2 + doubt**2)
    margin, floor = fit_interval(residuals[:1000], doubt[:1000], 0.9)
    inside = np.abs(residuals[1000:]) <= margin * np.sqrt(floor**2 + doubt[1000:] ** 2)
    assert 0.87 < inside.mean() < 0.93
    for part in (doubt[1000:] < 0.05, doubt[1000:] > 0.1):
        assert 0.84 < inside[part].mean() < 0.96
    # Where errors have nothing to do with the doubt, it still counts a little.
    margin, floor = fit_interval(rng.standard_normal(1000), doubt[:1000], 0.9)
    assert floor <= 3.01 * np.median(doubt[:1000])


def test_an_operator_that_occurs_again_is_wrong_again(estimator: Estimator) -> None:
    one = Operator.make("linear", (17, 33), out=35)
    single, twice = estimator([one]), estimator([one, one])
    assert twice.priced.doubt == pytest.approx(single.priced.doubt)
    many = estimator([Operator.make("linear", (17, 33 + i), out=35) for i in range(9)])
    assert many.priced.doubt < 0.6 * single.priced.doubt


def test_a_module_is_estimated(shelf: Path) -> None:
    import torch
    from torch import nn

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.drop = nn.Conv2d(3, 8, 3, padding=1), nn.Dropout()
            self.out = nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.drop(self.conv(x).relu()).mean((2, 3)))

    module = Small().train()
    found = predictor.estimate(module, torch.rand(1, 3, 16, 16), target="cpu")
    assert module.training
    assert module.drop.training
    assert found.model == "Small"
    kinds = {operator.kind for operator in found.operators}
    assert {"stem_conv", "linear"} <= kinds
    assert "dropout" not in kinds
    assert found.lower_ms < found.latency_ms < found.upper_ms
    total = found.measured_share + found.estimated_share + found.unknown_share
    assert total == pytest.approx(1)
    with pytest.raises(UserError, match="example_input"):
        predictor.estimate(module, target="cpu")
    with pytest.raises(UserError, match=r"wanted, got int"):
        predictor.estimate(3, torch.rand(1), target="cpu")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    from predictor import estimate

    return call_main(monkeypatch, estimate.main, *arguments)


def test_command_prints_json(shelf: Path, monkeypatch: pytest.MonkeyPatch,
                             capsys: pytest.CaptureFixture[str]) -> None:
    path = save(shelf / "m.onnx", ["n", 3, 8, 8])
    assert command(monkeypatch, str(path), "--input", "x:1x3x8x8", "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert {"latency_ms", "lower_ms", "upper_ms", "measured_share", "estimated_share",
            "unknown_share", "operators"} <= set(found)
    operators = executed_operators(path, {"x": (1, 3, 8, 8)}, shelf)
    assert sum(item["count"] for item in found["operators"]) == len(operators)
    assert sum(item["share"] for item in found["operators"]) == pytest.approx(1)
    assert all(item["latency_ms"] > 0 for item in found["operators"])
    # The made-up library knows no layouts.
    unknown = {o.kind for o in operators} - {"conv", "linear", "add", "view"}
    assert set(found["unknown_kinds"]) == unknown
    assert ("warning" in captured.err) == bool(unknown)


def test_command_prints_a_table(shelf: Path, monkeypatch: pytest.MonkeyPatch,
                                capsys: pytest.CaptureFixture[str]) -> None:
    path = save(shelf / "m.onnx", [1, 3, 8, 8])
    assert command(monkeypatch, str(path)) == 0
    shown = capsys.readouterr().out
    assert "m.onnx on cpu (onnxruntime, fp32, 1 thread(s))" in shown
    assert "stem_conv" in shown


def test_wrong_input_is_one_line_and_exit_code_2(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = str(save(shelf / "free.onnx", ["n", 3, 8, 8]))
    fixed = str(save(shelf / "fixed.onnx", [1, 3, 8, 8]))
    nan = str(save(shelf / "nan.onnx", [1, 3, 8, 8], value=float("nan")))
    (shelf / "bad.onnx").write_bytes(b"nothing")
    cases = [
        ([free], "--input x:1x3x8x8"),
        ([free, "--input", "z:1"], "no such input"),
        ([free, "--input", "x:1x3x8"], "does not fit"),
        ([free, "--input", "x"], "NAME:SHAPE"),
        ([str(shelf / "none.onnx")], "no model file"),
        ([str(shelf / "bad.onnx")], "bad.onnx"),
        ([nan], "holds NaN"),
        ([fixed, "--target", "moon"], "unknown target 'moon'; known: a100, cpu"),
        ([fixed, "--target", "h200"], "no estimate of target 'h200'; there are of: a100, l4"),
        ([fixed, "--batch", "2"], "on 'cpu' give the shapes of the inputs instead"),
        ([fixed, "--threads", "2"], "build_library --device cpu --threads 2"),
        ([fixed, "--precision", "int4"], "no estimates in precision 'int4'; there are in: fp32"),
        ([fixed, "--precision", "bf16"], "no estimates in precision 'bf16'; there are in: fp32"),
        ([fixed, "--level", "1"], "level 1"),
    ]
    for arguments, said in cases:
        assert command(monkeypatch, *arguments) == 2, arguments
        captured = capsys.readouterr()
        lines = captured.err.strip().splitlines()
        assert said in lines[-1], lines
        assert lines[-1].startswith("error: ")
        assert captured.out == ""
        if "--level" not in arguments:
            assert len(lines) == 1, lines


def test_strict_refuses_what_was_never_measured(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("predictor.estimation.api.executed_operators",
                        lambda *arguments: [ODD, Operator.make("add", (8,), (8,))])
    path = str(save(shelf / "m.onnx", [1, 3, 8, 8]))
    assert command(monkeypatch, path, "--strict") == 2
    assert "lacks: non_max_suppression; without --strict" in capsys.readouterr().err
    assert command(monkeypatch, path) == 0
    assert "warning: no operator of kind non_max_suppression" in capsys.readouterr().err


def test_the_made_up_device_is_as_described() -> None:
    assert truth_ms(Operator.make("view", (1000,))) == pytest.approx(0.002 + 8e3 / 1e7)
