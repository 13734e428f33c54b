from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from luts.paths import ROOT_VARIABLE, find_table, table_folder
from luts.space import OperatorSpace, Vectors
from predictor import calibrate
from predictor._sessions import Sessions
from predictor.load import load_predictor, predictor_folder
from predictor.record import SIDECAR
from tests.commands import call_main
from tests.fakes import FakeSpace
from tests.predictor.tables import distinct, make_table, sums_ms

SPACE = FakeSpace(cells=3)
FAKE = ("--target", "cpu", "--recipe", "fake", "--threads", "2")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table for one thread; with two threads, networks take 0.6 of the time."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "tables"))
    for place in ("predictor.load", "predictor._calibration_run", "predictor._calibrated"):
        monkeypatch.setattr(f"{place}.load_space", lambda name, batch=1: SPACE)
    table = make_table(SPACE, distinct(SPACE, 60, seed=1))
    table.save(predictor_folder(table).parent)

    def measured(
        space: OperatorSpace, vectors: Vectors, runtime: object, *, threads: int, precision: str
    ) -> Sessions:
        assert (threads, precision) == (2, "fp32")
        scatter = np.random.default_rng(0).normal(0, 0.01, len(vectors))
        latency_ms = 0.6 * sums_ms(space, vectors) * np.exp(scatter)
        return Sessions(vectors, latency_ms, np.full(len(vectors), 4.0), "onnxruntime", "1")

    monkeypatch.setattr("predictor._calibration_run.measure_sessions", measured)
    return tmp_path


def test_saves_a_table_and_a_predictor_for_the_new_condition(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, calibrate.main, *FAKE, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["errors"]["table as it was"] == pytest.approx(1 / 0.6 - 1, rel=0.05)
    assert said["errors"]["adapted"] < 0.02
    table = find_table("cpu", "fake", threads=2)
    assert table.info.calibrated_from == find_table("cpu", "fake", threads=1).identity
    assert (table.info.threads, table.info.networks) == (2, 20)
    predictor = load_predictor("cpu", "fake", 2)
    vectors = distinct(SPACE, 30, seed=5)
    predicted = predictor.predict(vectors)
    truth = 0.6 * sums_ms(SPACE, vectors)
    np.testing.assert_allclose(predicted.latency_ms, truth, rtol=0.03)
    assert (predicted.upper_ms > predicted.latency_ms).all()
    # The second time something lies there.
    assert call_main(monkeypatch, calibrate.main, *FAKE) == 2
    assert "--force" in capsys.readouterr().err
    assert call_main(monkeypatch, calibrate.main, *FAKE, "--force") == 0
    assert "one common factor" in capsys.readouterr().out


def test_is_judged_by_a_full_campaign(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = make_table(SPACE, distinct(SPACE, 44, seed=9), factor=lambda v: np.full(len(v), 0.6),
                      noise=0.005, seed=3, threads=2)
    full.save(shelf / "full")
    assert call_main(monkeypatch, calibrate.main, *FAKE, "--samples", "19", "--json",
                   "--against", str(shelf / "full")) == 0
    judged = json.loads(capsys.readouterr().out)["judged"]
    assert judged["networks"] == 44
    assert judged["adapted"] < 0.02 < judged["table as it was"]
    assert judged["full campaign"] < 0.02


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--samples", "10"), "--samples 10 gives no bound at level 0.95; at least 19 do"),
        (("--threads", "9999"), "--threads 9999"),
        (("--target", "abacus"), "'abacus'"),
        (("--from", "nowhere"), "nowhere"),
        (("--samples", "2"), "--samples"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(
    shelf: Path, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call_main(monkeypatch, calibrate.main, *FAKE, *arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert not (table_folder("cpu", "fake", "onnxruntime", "fp32", 1, 2) / SIDECAR).exists()
