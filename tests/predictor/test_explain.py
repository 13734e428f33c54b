from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from luts.paths import ROOT_VARIABLE
from predictor import explain
from predictor.explanation import explain as explained
from predictor.explanation import pick_architecture
from predictor.load import predictor_folder
from predictor.network import NetworkPredictor
from tests.commands import call_main
from tests.fakes import FakeSpace
from tests.predictor.tables import distinct, make_table

SPACE = FakeSpace(cells=3)
FAKE = ("--target", "cpu", "--recipe", "fake")
TABLE = make_table(SPACE, distinct(SPACE, 60, seed=1))
PREDICTOR = NetworkPredictor.fit(SPACE, TABLE)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "tables"))
    monkeypatch.setattr("predictor.load.load_space", lambda name: SPACE)
    folder = predictor_folder(TABLE)
    TABLE.save(folder.parent)
    PREDICTOR.save(folder)
    return tmp_path


def test_effects_add_up_to_the_prediction() -> None:
    found = explained(SPACE, TABLE, PREDICTOR, PREDICTOR.slowest())
    total = found.mean_ms + sum(item.effect_ms for item in found.decisions)
    assert total == pytest.approx(found.latency_ms, rel=0.01)
    assert found.surrogate_error < 0.01
    assert {item.name for item in found.decisions} == {d.name for d in SPACE.decisions}
    for item in found.decisions:
        low, high = item.by_choice_ms.values()
        # In this space, more is slower.
        assert low < 0 < high
        assert item.effect_ms > 0
    sizes = [item.mean_effect_ms for item in found.decisions]
    assert sizes == sorted(sizes, reverse=True)


def test_operators_are_those_of_the_table() -> None:
    vector = PREDICTOR.fastest()
    found = explained(SPACE, TABLE, PREDICTOR, vector)
    placed = SPACE.lower(SPACE.decode(vector))
    assert sum(o.executions for o in found.operators) == sum(p.repeats for p in placed)
    assert sum(o.latency_ms for o in found.operators) == pytest.approx(
        sum(TABLE[p.operator].latency_ms * p.repeats for p in placed))
    assert max(found.operators, key=lambda o: o.latency_ms) == found.operators[0]


def test_architectures_by_name_and_by_file(tmp_path: Path) -> None:
    architecture = dict(SPACE.decode(PREDICTOR.slowest()).choices)
    (tmp_path / "run.json").write_text(json.dumps({"best": {"architecture": architecture}}))
    (tmp_path / "plain.json").write_text(json.dumps(architecture))
    for wanted in ("slowest", str(tmp_path / "run.json"), str(tmp_path / "plain.json")):
        np.testing.assert_array_equal(pick_architecture(wanted, PREDICTOR, 0), PREDICTOR.slowest())
    times = [PREDICTOR.predict(pick_architecture(name, PREDICTOR, 0)[None]).latency_ms[0]
             for name in ("fastest", "typical", "slowest")]
    assert times == sorted(times)


def test_command(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = shelf / "new" / "explain.html"
    assert call_main(monkeypatch, explain.main, *FAKE, "--json", "--html", str(page)) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["upper_ms"] > said["latency_ms"]
    text = page.read_text()
    assert "cell0.width" in text
    assert "https://cdn" not in text.split("<script")[0]
    assert call_main(monkeypatch, explain.main, *FAKE, "--top", "2") == 0
    assert "more" in capsys.readouterr().out


@pytest.mark.usefixtures("shelf")
def test_wrong_architecture_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.json").write_text("[1, 2]")
    for wanted, words in (("quick", "'quick'"), (str(tmp_path / "list.json"), "no architecture")):
        assert call_main(monkeypatch, explain.main, *FAKE, "--architecture", wanted) == 2
        said = capsys.readouterr().err
        assert words in said
        assert len(said.strip().splitlines()) == 1
