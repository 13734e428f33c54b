"""A table of estimates is never taken for a measured one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from luts.errors import CorruptFileError, MissingOperatorError, UserError
from luts.estimated import SIDECAR, EstimatedRow, EstimatedTable, EstimateInfo
from luts.operator import Operator
from luts.paths import find_table, table_folder
from luts.table import LatencyTable

CONV = Operator.make("conv", (1, 8, 16, 16), out=8, kernel=(3, 3))
RELU = Operator.make("relu", (2048,))


def make(device_ms: float = 0.02) -> EstimatedTable:
    info = EstimateInfo(
        target="rtx3090", recipe="toy", space_hash="s", device={}, runtime="torch",
        runtime_version="eager", precision="fp32", batch=1, threads=1, law="l",
        evidence="three networks", evidenced=True, host_ms=0.01,
    )
    return EstimatedTable(info, [EstimatedRow(RELU, 0.004, 1), EstimatedRow(CONV, device_ms, 2)])


def test_it_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    table = make()
    table.save(tmp_path)
    again = EstimatedTable.load(tmp_path)
    assert again.rows == table.rows
    assert again.identity == table.identity
    assert again.info.kind == "estimated"
    assert again[CONV].launches == 2
    assert make(0.021).identity != table.identity


def test_it_is_no_latency_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRONAS_TABLES", str(tmp_path))
    folder = table_folder("rtx3090", "toy", "torch", "fp32", 1, 1)
    make().save(folder)
    with pytest.raises(UserError, match="table.json"):
        LatencyTable.load(folder)
    with pytest.raises(UserError, match="no latency table"):
        find_table("rtx3090", "toy")
    assert make().networks == ()


def test_an_edited_file_is_refused(tmp_path: Path) -> None:
    make().save(tmp_path)
    record = json.loads((tmp_path / SIDECAR).read_text())
    (tmp_path / SIDECAR).write_text(json.dumps({**record, "evidence": "all of them"}))
    with pytest.raises(CorruptFileError, match="edited"):
        EstimatedTable.load(tmp_path)


def test_an_operator_that_it_lacks_is_never_free() -> None:
    with pytest.raises(MissingOperatorError, match="is not in the estimated table"):
        make()[Operator.make("add", (8,), (8,))]


@pytest.mark.parametrize("device_ms", [float("nan"), float("inf"), -1.0])
def test_costs_are_finite_and_not_negative(device_ms: float) -> None:
    with pytest.raises(UserError, match="finite"):
        make(device_ms)
