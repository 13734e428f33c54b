import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from luts.errors import CorruptFileError, UserError
from luts.operator import Operator
from luts.paths import table_folder
from luts.table import LatencyRow, LatencyTable
from predictor.networks.command import transfer_networks
from predictor.networks.table_file import read_table
from predictor.operators.command import transfer_operators
from tests.fakes import FakeSpace
from tests.predictor.networks.test_few_shot import CHOICES, TABLE
from tests.predictor.tables import distinct, make_table

ROOT = Path(__file__).resolve().parents[2]
SPACE = FakeSpace(cells=3)


def write(path, rows, header):
    with path.open("w", newline="") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


@pytest.fixture
def networks(tmp_path):
    header = ["network", *(f"x:{i}" for i in range(18)), "a", "b", "c", "new"]
    rows = [
        [f"n{i}", *CHOICES[i].astype(int), *TABLE[i, :3], TABLE[i, 3] if i % 20 == 0 else ""]
        for i in range(200)
    ]
    return write(tmp_path / "latencies.csv", rows, header)


def test_networks_are_estimated_and_measured_ones_keep_their_value(networks, tmp_path):
    out = tmp_path / "new.tsv"
    found = transfer_networks(networks, "new", propose=0, seed=0, out=out)
    with out.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["network"] for row in rows] == [f"n{i}" for i in range(200)]
    assert [row["source"] for row in rows[:2]] == ["measured", "estimated"]
    assert float(rows[20]["latency_ms"]) == pytest.approx(TABLE[20, 3], rel=1e-5)
    ours = np.array([float(row["latency_ms"]) for row in rows])
    assert np.abs(ours / TABLE[:200, 3] - 1).mean() < 0.12
    assert [item["device"] for item in found["left_out"]] == ["a", "b", "c"]


def test_networks_worth_measuring_are_named(networks):
    found = transfer_networks(networks, "new", propose=5, seed=0, out=None)
    named = found["facts"]["worth measuring"].split(", ")
    assert len(set(named)) == 5 and all(name.startswith("n") for name in named)


def test_words_describe_networks_too(tmp_path):
    path = write(tmp_path / "t.tsv", [["p", "wide", 1.5, 3], ["q", "narrow", 2, ""]],
                 ["name", "x:kind", "a", "b"])  # fmt: skip
    table = read_table(path)
    assert table.encoding.shape == (2, 2) and table.devices == ["a", "b"]
    assert np.isnan(table.latency_ms[1, 1])


@pytest.mark.parametrize(
    ("rows", "device", "said"),
    [
        ([["p", 1, 2], ["q", 2, 0]], "b", "line 3: '0' on 'b'"),
        ([["p", 1, 2], ["q", 2, "fast"]], "b", "'fast' on 'b'"),
        ([["p", 1, 2], ["q", 2]], "b", "line 3 has 2 cells, the header has 3"),
        ([["p", 1, 2], ["q", 2, "nan"]], "b", "'nan' on 'b'"),
        ([["p", 1, ""], ["q", 2, ""]], "b", "nothing is measured on 'b'"),
        ([["p", 1, 2], ["q", "", ""]], "b", "1 of 2 networks lack a latency on 'a'"),
        ([["p", 1, 2], ["q", 2, 3]], "b", "nothing is left to estimate"),
        ([["p", 1, 2], ["q", 2, 3]], "z", "no column 'z'; the file has: a, b"),
        ([], "b", "holds 0 networks"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, rows, device, said):
    path = write(tmp_path / "t.csv", rows, ["network", "a", "b"])
    with pytest.raises(UserError, match=said):
        transfer_networks(path, device, propose=0, seed=0, out=None)


def test_a_single_device_cannot_be_transferred_from(tmp_path):
    path = write(tmp_path / "t.csv", [["p", 1], ["q", ""]], ["network", "a"])
    with pytest.raises(UserError, match="'a' is the only device"):
        transfer_networks(path, "a", propose=0, seed=0, out=None)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(CorruptFileError, match="not a text table"):
        read_table(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either a file of networks"),
        (["none.csv", "--device", "a"], "no file 'none.csv'"),
        (["none.csv"], "needs --device"),
        (["--target", "cpu"], "no data sheet facts"),
        (["--target", "nothing"], "unknown target 'nothing'"),
        (["--target", "rtx3090", "--level", "2"], "level 2.0 is not between 0 and 1"),
        (["--target", "rtx3090"], "no latency table of a target other than"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, arguments, said, monkeypatch, capsys):
    from luts import cli
    from predictor import transfer

    monkeypatch.setenv("METRONAS_TABLES", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["predictor.transfer", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run(transfer.main)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_the_command_prints_estimates_and_the_error_of_devices_left_out(networks):
    done = subprocess.run(
        [sys.executable, "-m", "predictor.transfer", str(networks), "--device", "new"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "left out in turn" in done.stdout and "ridge spearman" in done.stdout


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Tables of a fake recipe on one and two threads, the second 1.7 times as fast."""
    monkeypatch.setenv("METRONAS_TABLES", str(tmp_path / "tables"))
    monkeypatch.setattr("luts.spaces.load_space", lambda name: SPACE)
    for threads, speed in ((1, 1.0), (2, 1.7)):
        table = make_table(SPACE, distinct(SPACE, 60, seed=1), threads=threads)
        rows = [LatencyRow(r.operator, *(3 * [r.latency_ms / speed]), 4, 100) for r in table.rows]
        LatencyTable(table.info, rows, table.networks).save(
            table_folder("cpu", "fake", "onnxruntime", "fp32", 1, threads)
        )
    return tmp_path


def estimate(**changes):
    wanted = dict(recipe="fake", level=0.9, seed=0, out=None)
    target, measured = changes.pop("target", "rtx3090"), changes.pop("measured", None)
    return transfer_operators(target, changes.pop("folders", []), measured, **{**wanted, **changes})


def test_operators_of_a_target_are_estimated_from_tables_of_others(shelf):
    out = shelf / "rtx3090.csv"
    found = estimate(out=out)
    with out.open() as file:
        rows = list(csv.DictReader(file))
    operators = {Operator.parse(row["operator"]) for row in rows}
    assert operators == {
        p.operator for f in SPACE.factors for c in SPACE.factor_choices(f)
        for p in SPACE.lower_factor(f, c)
    }  # fmt: skip
    for row in rows:
        assert 0 < float(row["lower_ms"]) < float(row["latency_ms"]) < float(row["upper_ms"])
        assert row["source"] == "estimated"
    assert len(found["left_out"]) == 2 and found["left_out"][0]["operators"] > 0


def test_measured_operators_of_the_new_device_move_the_estimates(shelf):
    before, after = shelf / "before.csv", shelf / "after.csv"
    estimate(out=before)
    with before.open() as file:
        rows = list(csv.DictReader(file))
    measured = write(
        shelf / "measured.csv",
        [[row["operator"], 3 * float(row["latency_ms"])] for row in rows[:5]],
        ["operator", "latency_ms"],
    )
    estimate(out=after, measured=measured)
    with after.open() as file:
        ratios = [float(new["latency_ms"]) / float(old["latency_ms"])
                  for new, old in zip(csv.DictReader(file), rows, strict=True)]  # fmt: skip
    assert 2 < np.median(ratios) < 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conv(1x3x8x8)[kernel=3x3,out=8]:fp32,-1", "'-1' is not a latency"),
        ("nonsense,1.0", "'nonsense' is not an operator key"),
        ("linear(1x8)[out=8]:fp32,1.0", "unknown operator kind 'linear'"),
    ],
)
def test_measurements_that_cannot_be_used_are_refused(shelf, text, said):
    path = shelf / "measured.csv"
    path.write_text(text + "\n")
    with pytest.raises(UserError, match=said):
        estimate(measured=path)


def test_a_device_of_ones_own_is_described_by_a_file(shelf):
    path = shelf / "mine.toml"
    sheet = ROOT / "luts" / "targets" / "rtx3090.toml"
    path.write_text(sheet.read_text().replace('name = "rtx3090"', 'name = "mine"'))
    assert "mine" in estimate(target=str(path))["title"]
    path.write_text("name = 3")
    with pytest.raises(CorruptFileError, match="does not describe a target"):
        estimate(target=str(path))


def test_one_table_gives_no_error_of_devices_left_out(shelf):
    folder = table_folder("cpu", "fake", "onnxruntime", "fp32", 1, 1)
    assert estimate(folders=[folder])["left_out"] == []
