from __future__ import annotations

import json
from pathlib import Path

import pytest

from luts.errors import CorruptFileError, MissingOperatorError, UserError
from luts.files import sha256
from luts.operator import Operator, PlacedOperator
from luts.records import FORMAT
from luts.table import SIDECAR, LatencyRow, LatencyTable, NetworkSample, TableInfo

CONV = Operator.make("conv", (1, 3, 32, 32), out=8, kernel=(3, 3))
POOL = Operator.make("avg_pool", (1, 8, 32, 32), stride=2)


def _info(**changes: object) -> TableInfo:
    facts: dict[str, object] = {
        "target": "cpu", "recipe": "fake", "space_hash": "s", "device": {"model": "x", "cores": 2},
        "runtime": "onnxruntime", "runtime_version": "1", "precision": "fp32", "batch": 1,
        "threads": 1, "code_hash": "c", "plan_hash": "p", "created": "2030-01-01T00:00:00+00:00",
        "complete": True, "noise": 0.01, "overhead_ms": 0.5, "settings": {"a": True, "b": 0.5},
    }
    return TableInfo.model_validate({**facts, **changes})


@pytest.fixture
def table() -> LatencyTable:
    rows = [LatencyRow(POOL, 0.25, 0.2, 0.3, 4, 40), LatencyRow(CONV, 2.0, 1.9, 2.2, 5, 50)]
    samples = [NetworkSample((0, 1, 2), 9.0, 8.5, 9.9, 12, 0),
               NetworkSample(None, 7.0, 6.5, 7.9, 12, 1, drawn="reference", discarded=2)]
    return LatencyTable(_info(), rows, samples)


def test_round_trip(table: LatencyTable, tmp_path: Path) -> None:
    before = table.identity
    table.save(tmp_path)
    loaded = LatencyTable.load(tmp_path)
    assert loaded.rows == table.rows
    assert loaded.networks == table.networks
    assert loaded.info == table.info
    assert loaded.identity == table.identity == before
    assert (loaded.info.rows, loaded.info.networks) == (2, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "networks.parquet", "table.json", "table.parquet"
    ]


def test_look_up_and_sum(table: LatencyTable) -> None:
    assert table[CONV].latency_ms == 2.0
    assert CONV in table
    placed = [PlacedOperator("a", CONV, 3), PlacedOperator("b", POOL)]
    assert table.latency_ms(placed) == pytest.approx(3 * 2.0 + 0.25 + 0.5)


def test_missing_operator_raises_and_is_never_zero(table: LatencyTable) -> None:
    other = Operator.make("conv", (1, 3, 32, 32), out=9, kernel=(3, 3))
    assert other not in table
    with pytest.raises(MissingOperatorError, match=r"out=9.*profiler\.build_lut --device cpu"):
        table[other]
    with pytest.raises(LookupError):
        table.latency_ms([PlacedOperator("a", CONV), PlacedOperator("b", other)])


def test_identity_follows_the_content(table: LatencyTable) -> None:
    rows = [LatencyRow(POOL, 0.25, 0.2, 0.3, 4, 40), LatencyRow(CONV, 2.1, 1.9, 2.2, 5, 50)]
    assert LatencyTable(_info(), rows, table.networks).identity != table.identity
    assert LatencyTable(_info(), table.rows, table.networks[:1]).identity != table.identity
    assert LatencyTable(_info(), table.rows[::-1], table.networks).identity == table.identity


@pytest.mark.parametrize("latency_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_latencies_are_refused(latency_ms: float) -> None:
    with pytest.raises(UserError, match="finite and above 0"):
        LatencyTable(_info(), [LatencyRow(CONV, latency_ms, 1, 1, 1, 1)], [])


def test_doubled_operator_is_refused(table: LatencyTable) -> None:
    with pytest.raises(UserError, match="twice"):
        LatencyTable(_info(), [*table.rows, table.rows[0]], [])


@pytest.mark.parametrize("name", ["table.parquet", "networks.parquet", "table.json"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_truncated_file(table: LatencyTable, tmp_path: Path, name: str, keep: float) -> None:
    table.save(tmp_path)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(keep * len(data))])
    with pytest.raises(CorruptFileError, match=name):
        LatencyTable.load(tmp_path)


def test_edited_rows(table: LatencyTable, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table.save(tmp_path)
    rows = pq.read_table(tmp_path / "table.parquet")
    faster = rows.set_column(1, "latency_ms", [[0.1, 0.1]])
    pq.write_table(faster, tmp_path / "table.parquet")
    with pytest.raises(CorruptFileError, match=r"table\.parquet is absent, truncated or edited"):
        LatencyTable.load(tmp_path)


@pytest.mark.parametrize("change", [{"threads": 4}, {"overhead_ms": 0.0}, {"complete": False},
                                    {"drift": {"verdict": "drifting"}}])
def test_edited_sidecar(table: LatencyTable, tmp_path: Path, change: dict[str, object]) -> None:
    table.save(tmp_path)
    info = json.loads((tmp_path / SIDECAR).read_text())
    (tmp_path / SIDECAR).write_text(json.dumps({**info, **change}))
    with pytest.raises(CorruptFileError, match=r"table\.json was edited"):
        LatencyTable.load(tmp_path)


def _reseal(folder: Path) -> None:
    """What a forger, or another version of the program, could write."""
    raw = json.loads((folder / SIDECAR).read_text())
    raw["content_sha256"] = {name: sha256(folder / name) for name in raw["content_sha256"]}
    info = TableInfo.model_validate(raw)
    sealed = info.model_copy(update={"sealed_sha256": info.seal()})
    (folder / SIDECAR).write_text(sealed.model_dump_json())


def test_impossible_values_are_found_even_with_matching_hashes(
    table: LatencyTable, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    table.save(tmp_path)
    rows = pq.read_table(tmp_path / "table.parquet")
    pq.write_table(rows.set_column(1, "latency_ms", [[-1.0, 1.0]]), tmp_path / "table.parquet")
    _reseal(tmp_path)
    with pytest.raises(CorruptFileError, match="finite and above 0"):
        LatencyTable.load(tmp_path)
    pq.write_table(rows.drop_columns("samples"), tmp_path / "table.parquet")
    _reseal(tmp_path)
    with pytest.raises(CorruptFileError, match="has columns"):
        LatencyTable.load(tmp_path)


def test_other_format_and_absence(table: LatencyTable, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        LatencyTable.load(tmp_path)
    (tmp_path / SIDECAR).write_text('{"format": 99}')
    with pytest.raises(CorruptFileError, match=f"format {FORMAT}; measure again"):
        LatencyTable.load(tmp_path)
    (tmp_path / SIDECAR).write_text(f'{{"format": {FORMAT}, "surprise": true}}')
    with pytest.raises(CorruptFileError, match="does not describe"):
        LatencyTable.load(tmp_path)
