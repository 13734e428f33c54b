from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evolution._space_view import short_lines
from evolution.space_report import Share, report_space
from tests.evolution.test_run import tables  # noqa: F401 - fixture
from tests.evolution.toys import Toys


def test_the_report_is_what_all_architectures_say(tmp_path: Path) -> None:
    toys = Toys()
    plan = toys.plan(tmp_path / "run", latency="80%", limits={"flops": "150%"})
    everything = toys.space.everything()
    report = report_space(plan.space, plan.predictor, plan.requirements, samples=1000)
    predicted = toys.predictor.predict(everything)
    assert report.size == len(everything) == 1296
    assert report.fastest.latency_ms == pytest.approx(predicted.latency_ms.min())
    assert report.slowest.upper_ms == pytest.approx(predicted.upper_ms.max())
    assert report.median.latency_ms == pytest.approx(np.median(predicted.latency_ms), rel=0.05)
    share = float(plan.region.allowed(everything).mean())
    assert report.feasible.low <= share <= report.feasible.high
    assert report.feasible.share <= min(item.share.share for item in report.constraints)
    by_name = {decision.name: decision for decision in report.decisions}
    assert set(by_name) == {decision.name for decision in toys.space.decisions}
    ranges = [decision.range_ms for decision in report.decisions]
    assert ranges == sorted(ranges, reverse=True)
    depth = [float(predicted.latency_ms[everything[:, 2] == i].mean()) for i in range(3)]
    assert by_name["cell1.depth"].range_ms == pytest.approx(depth[2] - depth[0], rel=0.1)
    assert list(by_name["cell1.depth"].by_choice_ms) == [1, 2, 3]
    assert "1,296 architectures" in short_lines(report)[0]
    assert report.decisions[0].name in short_lines(report)[1]


def test_a_small_space_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    toys = Toys()
    plan = toys.plan(tmp_path / "run", latency="80%", limits={"flops": "150%"})
    report = report_space(plan.space, plan.predictor, plan.requirements)
    share = float(plan.region.allowed(toys.space.everything()).mean())
    assert report.samples == 1296 and 0 < share < 1
    assert report.feasible == Share(share, share, share)
    assert f"feasible: {100 * share:.3g} % of all;" in short_lines(report)[1]


def test_a_share_of_nothing_or_all_has_an_error_still() -> None:
    none, every = Share.of(0, 1000), Share.of(1000, 1000)
    assert none.share == 0 and 0 <= none.low < 1e-9 and 0.001 < none.high < 0.01
    assert every.share == 1 and 1 - 1e-9 < every.high <= 1 and 0.99 < every.low < 0.999
    half = Share.of(500, 1000)
    assert half.high - half.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 1000), rel=0.01)


def test_the_command_prints_json_and_refuses_what_it_does_not_know(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    from evolution.space import main
    from luts.errors import UserError

    monkeypatch.setenv("METRONAS_TABLES", str(tables))
    monkeypatch.chdir(tmp_path)
    main(target="cpu", latency="100%", limit=["memory-mib=90%"], samples=500, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == 80_621_568
    assert (found["latencies"], found["evidence"]) == ("measured", "")
    assert len(found["constraints"]) == 2
    assert len(found["decisions"]) == 24
    main(target="cpu", samples=500)
    text = capsys.readouterr().out
    assert "cell1.width" in text
    assert "PREDICTED" not in text
    main(target="rtx3090", samples=500)
    assert "latencies of rtx3090 are PREDICTED, not measured" in capsys.readouterr().out
    main(target="rtx3090", samples=500, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["latencies"] == "estimated"
    assert "on this card" in found["evidence"]
    with pytest.raises(UserError, match="--limit 'speed=3' is no limit; give NAME=LIMIT"):
        main(target="cpu", limit=["speed=3"])
    assert list(tmp_path.iterdir()) == []
