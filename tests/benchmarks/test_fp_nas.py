from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks._curves import compared, curve, reached
from benchmarks.fp_nas import FP_NAS, PARSEC, main
from luts.errors import UserError

RECORDS = [
    {"step": 50, "cpu_seconds_per_step": 2.0, "samples_total": 800.0, "entropy": 50.0},
    {"step": 100, "cpu_seconds_per_step": 1.0, "samples_total": 1600.0, "entropy": 40.0,
     "validation_loss_expected": 2.0, "validation_error_expected": 70.0},
    {"step": 200, "cpu_seconds_per_step": 0.5, "samples_total": 2600.0, "entropy": 30.0,
     "validation_loss_expected": 1.0, "validation_error_expected": 30.0},
]


def test_a_curve_adds_up_the_seconds_of_all_records() -> None:
    points = curve(RECORDS)
    assert [p["seconds"] for p in points] == [150.0, 200.0]
    assert [p["samples"] for p in points] == [1600.0, 2600.0]


def test_a_level_is_reached_between_validations() -> None:
    points = curve(RECORDS)
    assert reached(points, 1.25) == pytest.approx(
        {"step": 175.0, "samples": 2350.0, "seconds": 187.5})
    assert reached(points, 3.0) == pytest.approx(
        {"step": 100.0, "samples": 1600.0, "seconds": 150.0})
    assert reached(points, 0.9) is None


def test_the_level_is_the_lowest_that_all_reach() -> None:
    better = [{**record, "samples_total": record["samples_total"] / 4} for record in RECORDS]
    better[-1] = {**better[-1], "validation_loss_expected": 0.5}
    found = compared({PARSEC: curve(RECORDS), FP_NAS: curve(better)}, PARSEC)
    assert found["level"] == 1.0
    assert found["taken"][PARSEC]["samples"] == 2600
    assert found["taken"][FP_NAS]["samples"] == pytest.approx(400 + 250 * 2 / 3)
    assert found["over"][FP_NAS]["samples"] == pytest.approx((400 + 250 * 2 / 3) / 2600)


def test_it_trains_both_and_goes_on_where_it_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = ["batch=4", "validation_images=8", "precision=fp32", "warm_up=0.0"]
    options = {"steps": 2, "seeds": 1, "variants": None, "data": None, "every": 1, "by": "expected",
               "changes": [*tiny, "parsec.temperature=8"], "device": "cpu", "threads": 1,
               "out": tmp_path}
    main(**options)  # type: ignore[arg-type]
    first = json.loads((tmp_path / "fp_nas.json").read_text())
    (seed,) = first["seeds"]
    assert [p["samples"] for p in seed["curves"][PARSEC]] == [16, 32]
    assert [p["samples"] for p in seed["curves"][FP_NAS]] == [13, 26]
    assert "FP-NAS" in capsys.readouterr().out
    main(**options)  # type: ignore[arg-type]
    assert json.loads((tmp_path / "fp_nas.json").read_text()) == first
    with pytest.raises(UserError, match="variant 'DARTS'"):
        main(**{**options, "variants": ["DARTS"]})  # type: ignore[arg-type]
