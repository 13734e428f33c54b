import json

import pytest

from benchmarks.coarse_to_fine import main as coarse_to_fine
from luts.errors import UserError
from luts.files import writable_folder, write_json
from supernet.evaluate import main as evaluate
from tests.supernet import datasets


def test_errors_are_those_of_evaluation_and_cost_is_told(tmp_path, capsys):
    out = tmp_path / "found.json"
    coarse_to_fine("rendered:2", networks=["smallest"], scales=["1", "1,2"], threads=1, out=out)
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines[1:]] == [["smallest", "1"], ["smallest", "1,2"]]
    rows = json.loads(out.read_text())["rows"]
    for row in rows:
        evaluate(data="rendered:2", architecture="smallest", scales=row["scales"], as_json=True)
        mean = json.loads(capsys.readouterr().out)["mean"]
        assert [row[m] for m in ("epe", "fl_all")] == pytest.approx(
            [mean[m] for m in ("epe", "fl_all")], rel=1e-4)
    assert rows[0]["cost_ratio"] == 1 and rows[1]["cost_ratio"] > 1


def test_wrong_networks_and_mixed_protocols_are_refused(tmp_path):
    with pytest.raises(UserError, match="--network moon: give reference"):
        coarse_to_fine("rendered:1", networks=["moon"])
    write_json(writable_folder(tmp_path / "run") / "result.json", {"recipe": "flownas"})
    with pytest.raises(UserError, match="is of recipe 'flownas', not of 'flownas-small'"):
        coarse_to_fine("rendered:1", networks=[str(tmp_path / "run")])
    datasets.kitti(tmp_path, count=1, size=(60, 72))
    datasets.own(tmp_path, count=1, size=(60, 72))
    with pytest.raises(UserError, match="several protocols"):
        coarse_to_fine(str(tmp_path), networks=["smallest"], scales=["1"])
