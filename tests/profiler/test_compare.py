from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from luts.errors import CorruptFileError, UserError
from luts.records import Drift, Pace
from luts.table import LatencyTable
from profiler._differences import compare_group, discoveries
from profiler._sides import Value, load_side, model_side, table_side
from profiler._verdict import compare
from profiler.model_times import Layer
from tests.commands import assert_refused, run_module
from tests.fakes import FakeSpace
from tests.predictor.tables import distinct, make_table
from tests.profiler.examples import measured_model

SPACE = FakeSpace(3)
VECTORS = distinct(SPACE, 60, seed=3)


def _table(seed: int, *, factor: float = 1.0, noise: float = 0.01,
           change: Callable[[int], float] = lambda place: 1.0, **info: object) -> LatencyTable:
    """A campaign: every value of the truth with noise of its own.

    Each network's value is a mean of two visits, so the sidecar's noise is sqrt(2) larger.
    """
    table = make_table(SPACE, VECTORS, seed=seed, noise=0.0, **info)
    rng = np.random.default_rng(seed)

    def scaled(latency_ms: float, place: int, change: Callable[[int], float]) -> float:
        return latency_ms * factor * change(place) * float(np.exp(rng.normal(0, noise)))

    rows = []
    for place, row in enumerate(table.rows):
        ms = scaled(row.latency_ms, place, change)
        # Four contexts whose spread is that of the noise.
        rows.append(replace(row, latency_ms=ms, p10_ms=ms * (1 - 2 * noise),
                            p90_ms=ms * (1 + 2 * noise)))
    networks = [replace(sample, latency_ms=scaled(sample.latency_ms, place, lambda place: 1.0))
                for place, sample in enumerate(table.networks)]
    sidecar = table.info.model_copy(update={"noise": noise * 2**0.5})
    return LatencyTable(sidecar, rows, networks)


def _compare(a: LatencyTable, b: LatencyTable):  # type: ignore[no-untyped-def]
    return compare(table_side(a), table_side(b))


@pytest.mark.parametrize("seed", range(5))
def test_two_campaigns_of_one_machine_are_the_same(seed: int) -> None:
    found = _compare(_table(seed), _table(seed + 100))
    assert (found.verdict, found.words) == ("same", "same within noise")
    for group in found.groups.values():
        assert group.beyond_noise == 0
        assert group.median_difference == pytest.approx(0.0095, rel=0.6)


def test_a_common_factor_is_told_from_the_shape() -> None:
    found = _compare(_table(1), _table(2, factor=1.06))
    assert found.verdict == "speed"
    assert found.words.startswith("B is ")
    assert found.words.endswith("% slower throughout")
    networks = found.groups["networks"]
    assert networks.factor == pytest.approx(1.06, rel=0.01)
    assert networks.beyond_noise == 0
    assert networks.median_difference == pytest.approx(0.06, rel=0.2)
    faster = _compare(_table(2, factor=1.06), _table(1))
    assert "faster throughout" in faster.words


def test_a_factor_that_the_canary_moved_by_itself_is_noise() -> None:
    wandering = Drift(movement=0.08, canaries=20)
    a, b = _table(1, drift=wandering), _table(2, factor=1.04, drift=wandering)
    assert _compare(a, b).verdict == "same"
    assert _compare(_table(1), _table(2, factor=1.04)).verdict == "speed"


def test_a_factor_that_the_pace_explains_is_told(tmp_path: Path) -> None:
    paces = [Pace(median_ms=ms, sensitivity=0.5) for ms in (4.0, 4.84)]
    found = _compare(_table(1, pace=paces[0]), _table(2, factor=1.1, pace=paces[1]))
    assert found.pace_factor == pytest.approx(1.1)
    assert "(+10.0 % by the machine's pace)" in found.words
    assert found.groups["operators"].median_difference > 0.08
    assert found.groups["operators"].p90_at_pace < 0.03
    elsewhere = _compare(_table(1, pace=paces[0]), _table(2, pace=paces[1], threads=2))
    assert elsewhere.pace_factor == 1


def test_few_changed_operators_are_found_and_named() -> None:
    changed = {3, 7}
    found = _compare(_table(1), _table(2, change=lambda place: 1.4 if place in changed else 1.0))
    assert found.verdict == "shape"
    operators = found.groups["operators"]
    assert operators.beyond_noise == 2
    assert found.words == (f"differ in shape: 2 of {operators.matched} operators differ beyond "
                           "noise")
    keys = {_table(1).rows[place].operator.key for place in changed}
    assert {item.item for item in operators.largest if item.beyond_noise} == keys
    assert {item.item for item in operators.largest[:2]} == keys
    assert operators.largest[0].about_common == pytest.approx(0.4, abs=0.08)
    both = _compare(_table(1), _table(2, factor=1.2, change=lambda p: 1.6 if p == 3 else 1.0))
    assert both.verdict == "speed and shape"
    assert "throughout, and they differ in shape" in both.words


def test_chance_seldom_makes_a_discovery_though_much_is_compared() -> None:
    rng = np.random.default_rng(0)
    hits = sum(discoveries(rng.normal(size=500)).any() for _ in range(200))
    assert hits <= 6
    assert (np.abs(rng.normal(size=500)) > 2.58).any()
    mixed = np.append(rng.normal(size=490), np.full(10, 12.0))
    assert discoveries(mixed)[-10:].all()


def test_what_is_on_one_side_only_is_counted() -> None:
    a = {name: Value(1.0, 0.01) for name in "abc"}
    b = {name: Value(1.0, 0.01) for name in "bcde"}
    group = compare_group(a, b, level_noise=0.0)
    assert group is not None
    assert (group.matched, group.only_a, group.only_b) == (2, 1, 2)
    assert compare_group(a, {}, level_noise=0.0) is None


def test_other_conditions_are_named() -> None:
    found = _compare(_table(1), _table(2, precision="fp16", plan_hash="q"))
    assert "measured with different precision (fp32 / fp16)" in found.words
    assert "plan" not in found.words
    assert found.different["plan"] == ("p", "q")


def test_vectors_of_another_space_are_other_networks() -> None:
    found = _compare(_table(1), _table(2, space_hash="another"))
    assert set(found.groups) == {"operators"}
    assert "different space" in found.words


def test_nothing_in_common() -> None:
    a, b = table_side(_table(1)), table_side(_table(2))
    found = compare(a, replace(b, groups={"networks": {}, "operators": {}}))
    assert not found.same
    assert found.words.startswith("cannot be compared")


def test_doubtful_campaigns_are_named() -> None:
    shaky = _table(2, drift=Drift(verdict="drifting"), complete=False)
    assert _compare(_table(1), shaky).warnings == (
        "B: the machine was too unsteady during its campaign", "B: its campaign is unfinished")


def test_two_measured_models() -> None:
    layers = [Layer(name=f"l{i}", kind="Conv", latency_ms=1.0, share=0.1) for i in range(9)]
    before = model_side(measured_model(layers))
    slower = model_side(measured_model([replace_ms(x, 1.2) for x in layers], median_ms=12.0))
    assert compare(before, before).verdict == "same"
    assert compare(before, slower).verdict == "speed"
    assert compare(before, slower).words == "B is 20.0 % slower throughout"
    one = model_side(measured_model([replace_ms(layers[0], 1.5), *layers[1:]]))
    found = compare(before, one)
    assert found.verdict == "shape"
    assert found.groups["layers"].largest[0].item == "l0 (Conv)"
    assert found.noise_source == ("assumed", "assumed")
    with pytest.raises(UserError, match="A is a measured table and B a measured model"):
        compare(table_side(_table(1)), before)


def replace_ms(layer: Layer, factor: float) -> Layer:
    return layer.model_copy(update={"latency_ms": layer.latency_ms * factor})


def test_exit_codes_and_json(tmp_path: Path) -> None:
    for name, table in (("a", _table(1)), ("b", _table(2)), ("c", _table(3, factor=1.1))):
        table.save(tmp_path / name)
    same = run_module("profiler.compare", tmp_path / "a", tmp_path / "b")
    assert same.returncode == 0, same.stderr
    assert "verdict: same within noise" in same.stdout
    differ = run_module("profiler.compare", tmp_path / "a", tmp_path / "c", "--json")
    assert differ.returncode == 1, differ.stderr
    found = json.loads(differ.stdout)
    assert (found["same"], found["verdict"]) == (False, "speed")
    assert len(found["groups"]["operators"]["largest"]) == 10


def test_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "torn.json").write_text('{"kind": "metr')
    (tmp_path / "other.json").write_text('{"kind": "metronas.measure"}')
    for name, error, said in (("empty", UserError, "no latency table"),
                              ("absent", UserError, "no file"),
                              ("list.json", UserError, "neither a table's folder"),
                              ("torn.json", CorruptFileError, "not valid JSON"),
                              ("other.json", CorruptFileError, "does not describe")):
        with pytest.raises(error, match=said):
            load_side(tmp_path / name)
    done = run_module("profiler.compare", tmp_path / "other.json", tmp_path / "absent")
    assert_refused(done, "other.json does not describe a measured model")


def test_unreadable_files_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(UserError, match=r"cannot read .*a\.json.*Permission denied"):
        load_side(tmp_path / "a.json")
