from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from evolution.conduct import conduct
from evolution.result import Result, load_result
from luts.errors import CorruptFileError, UserError
from tests.evolution.toys import RECIPE, Notes, Toys


def search(out: Path, *, toys: Toys | None = None, **options: Any) -> tuple[Result, Toys]:
    toys = toys or Toys()
    options.setdefault("latency", "80%")
    plan = toys.plan(out, **options)
    return conduct(plan, toys.accuracy, toys.stopwatch, Notes()), toys


def journal(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]


def evaluated(out: Path) -> list[dict[str, Any]]:
    return [record for record in journal(out) if record["event"] == "evaluated"]


def found(result: Result) -> dict[str, Any]:
    """What must not depend on how often a run was killed."""
    return result.model_dump(exclude={"provenance": {"date"}})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result, Toys]:
    out = tmp_path_factory.mktemp("runs") / "finished"
    result, toys = search(out)
    return out, result, toys


def test_the_winner_is_the_best_that_was_scored_within_the_budget(
    finished: tuple[Path, Result, Toys],
) -> None:
    out, result, toys = finished
    records = evaluated(out)
    assert len(records) == result.evaluations == len(toys.accuracy.scored) == 40
    best = min(records, key=lambda r: r["fitness"])
    space = toys.space
    assert result.best.architecture is not None
    vector = space.encode(space.architecture(result.best.architecture))
    assert list(vector) == best["vector"]
    assert result.best.metrics["epe"] == best["metrics"]["epe"]
    assert all(r["upper_ms"] <= result.constraint.latency_ms for r in records)


def test_the_result_holds_what_the_issue_of_a_search_needs(
    finished: tuple[Path, Result, Toys],
) -> None:
    out, result, toys = finished
    stored = json.loads((out / "result.json").read_text())
    assert stored["verified"] is True
    assert (stored["target"], stored["recipe"], stored["seed"]) == ("cpu", "flownas-small", 0)
    budget_ms = stored["constraint"]["latency_ms"]
    assert budget_ms == pytest.approx(0.8 * toys.predictor.predict_reference()[0])
    best, reference = stored["best"], stored["reference"]
    assert best["measured_latency_ms"] <= budget_ms
    assert best["predicted_latency_ms"] < best["upper_latency_ms"] <= budget_ms
    assert set(best["metrics"]) == {"epe", "fl_all", "feature_distance"}
    assert reference["metrics"]["epe"] == 1.5
    assert reference["measured_latency_ms"] == pytest.approx(reference["predicted_latency_ms"])
    origin = stored["provenance"]
    assert origin["table"] == toys.table.identity
    assert origin["accuracy"] == {"weights": "toy", "step": 7}
    assert origin["versions"]["numpy"]
    assert load_result(out) == result


def test_the_folder_holds_everything_and_no_half_written_file(
    finished: tuple[Path, Result, Toys],
) -> None:
    out, result, _ = finished
    names = {path.name for path in out.iterdir()}
    assert names == {
        "recipe.yaml", "settings.json", "journal.jsonl", "result.json", "evidence.json",
        "best.onnx", "reference.onnx", "best.safetensors", "examples.json", "report.html",
        "pictures",
    }
    from safetensors import safe_open

    with safe_open(out / "best.safetensors", "np") as weights:
        assert weights.get_tensor("gain") == pytest.approx(0.5)
        assert json.loads(weights.metadata()["architecture"]) == result.best.architecture


def test_the_same_seed_finds_the_same_and_another_seed_goes_another_way(tmp_path: Path) -> None:
    first, _ = search(tmp_path / "a", seed=1)
    again, _ = search(tmp_path / "b", seed=1)
    search(tmp_path / "c", seed=2)
    assert found(first) == found(again)
    walked = [[r["vector"] for r in evaluated(tmp_path / name)] for name in "abc"]
    assert walked[0] == walked[1] != walked[2]


def test_evaluations_limit_what_is_scored(tmp_path: Path) -> None:
    result, toys = search(tmp_path / "run", evaluations=13)
    assert result.evaluations == len(toys.accuracy.scored) == 13


def test_a_finished_run_is_not_searched_again(finished: tuple[Path, Result, Toys]) -> None:
    out, result, _ = finished
    toys = Toys()
    again, _ = search(out, toys=toys, resume=True)
    assert again == result
    assert toys.accuracy.scored == []


def test_resuming_with_other_settings_is_refused(finished: tuple[Path, Result, Toys]) -> None:
    out, _, _ = finished
    with pytest.raises(UserError, match=r"started with seed 0 \(now 5\)"):
        search(out, seed=5, resume=True)
    with pytest.raises(UserError, match="latency_ms"):
        search(out, latency="90%", resume=True)
    with pytest.raises(UserError, match="recipe_sha256"):
        search_with = Toys()
        plan = search_with.plan(out, {**RECIPE, "paper": "another"}, latency="80%", resume=True)
        conduct(plan, search_with.accuracy, search_with.stopwatch, Notes())


def cut(out: Path, records: int, torn: bytes = b"") -> None:
    """Leaves a folder as a kill after so many records would."""
    for path in out.iterdir():
        if path.name not in ("recipe.yaml", "settings.json", "journal.jsonl"):
            if path.is_dir():
                for inner in path.iterdir():
                    inner.unlink()
                path.rmdir()
            else:
                path.unlink()
    lines = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (out / "journal.jsonl").write_bytes(b"".join(lines[:records]) + torn)


@pytest.mark.parametrize("records", [0, 1, 17, 41, 42])
def test_a_resumed_run_scores_only_what_is_missing_and_finds_the_same(
    tmp_path: Path, records: int
) -> None:
    unbroken, _ = search(tmp_path / "run")
    cut(tmp_path / "run", records, torn=b'{"event": "evalu')
    resumed, toys = search(tmp_path / "run", resume=True)
    assert len(toys.accuracy.scored) == 40 - min(40, max(0, records - 1))
    assert toys.stopwatch.rounds == (0 if records == 42 else 1)
    assert found(resumed) == found(unbroken)


def test_a_resumed_run_replays_its_strikes(tmp_path: Path) -> None:
    unbroken, first = search(tmp_path / "run", toys=Toys(factors=(1.2, 1.0)))
    assert first.stopwatch.rounds == 2
    events = [record["event"] for record in journal(tmp_path / "run")]
    assert events == [
        "started", *40 * ["evaluated"], "struck", *5 * ["evaluated"], "verified"
    ]
    cut(tmp_path / "run", 44)
    # The stopwatch would now strike nothing: the strike can only come from the journal.
    resumed, toys = search(tmp_path / "run", resume=True)
    assert toys.stopwatch.rounds == 1
    assert len(toys.accuracy.scored) == 3
    assert found(resumed) == found(unbroken)


def test_an_edited_journal_is_noticed(tmp_path: Path) -> None:
    search(tmp_path / "run")
    cut(tmp_path / "run", 20)
    path = tmp_path / "run" / "journal.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lines[3], lines[4] = lines[4], lines[3]
    path.write_text("".join(lines))
    with pytest.raises(CorruptFileError, match="record 4 is not what this run does next"):
        search(tmp_path / "run", resume=True)


def test_a_field_lost_from_the_journal_is_noticed(tmp_path: Path) -> None:
    search(tmp_path / "run")
    cut(tmp_path / "run", 20)
    path = tmp_path / "run" / "journal.jsonl"
    path.write_text(path.read_text().replace('"fitness"', '"fatness"', 1))
    with pytest.raises(CorruptFileError, match="evaluation in the journal is damaged"):
        search(tmp_path / "run", resume=True)


def test_other_weights_are_noticed_on_resume(tmp_path: Path) -> None:
    search(tmp_path / "run")
    cut(tmp_path / "run", 20)
    toys = Toys()
    toys.accuracy.identity = {"weights": "other", "step": 7}
    with pytest.raises(UserError, match="started with other weights"):
        search(tmp_path / "run", toys=toys, resume=True)


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    class Curious(Notes):
        def __init__(self) -> None:
            super().__init__()
            self.refusal = ""

        def begin(self, *_: Any) -> None:
            with pytest.raises(UserError) as caught:
                search(tmp_path / "run", resume=True)
            self.refusal = str(caught.value)

    toys, view = Toys(), Curious()
    conduct(toys.plan(tmp_path / "run", latency="80%"), toys.accuracy, toys.stopwatch, view)
    assert "is in use by another run" in view.refusal


def test_a_metric_that_the_task_does_not_give_is_named(tmp_path: Path) -> None:
    strategy = {**RECIPE["strategy"], "fitness": {"beauty": 1.0}}  # type: ignore[dict-item]
    toys = Toys()
    plan = toys.plan(tmp_path / "run", {**RECIPE, "strategy": strategy})
    with pytest.raises(UserError, match=r"names 'beauty'.*it gives: epe, feature_distance, fl_all"):
        conduct(plan, toys.accuracy, toys.stopwatch, Notes())


def test_architectures_without_finite_metrics_never_win(tmp_path: Path) -> None:
    toys = Toys()
    score = toys.accuracy.score

    def broken(architecture: Any, pairs: int | None = None) -> dict[str, float]:
        metrics = score(architecture)
        odd = toys.space.encode(architecture).sum() % 2
        return {**metrics, "epe": float("nan")} if odd else metrics

    toys.accuracy.score = broken  # type: ignore[method-assign]
    result, _ = search(tmp_path / "run", toys=toys)
    assert result.best.architecture is not None
    vector = toys.space.encode(toys.space.architecture(result.best.architecture))
    assert vector.sum() % 2 == 0
    assert any(r["fitness"] is None for r in evaluated(tmp_path / "run"))


@pytest.mark.parametrize("records", [3, 25])
def test_kill_9_and_resume_finds_the_same_winner(tmp_path: Path, records: int) -> None:
    unbroken, _ = search(tmp_path / "unbroken")
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.evolution.slow_run", str(out)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    try:
        deadline = time.monotonic() + 120
        path = out / "journal.jsonl"
        while not path.exists() or path.read_bytes().count(b"\n") < records:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (out / "result.json").exists()
    resumed, toys = search(out, resume=True)
    assert len(toys.accuracy.scored) < 40
    assert found(resumed) == found(unbroken)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("joint", {"corners": True}), ("predictor-guided", {}), ("exact", {}), ("random", {}),
     ("nsga2", {"objectives": ["fitness", "latency_ms", "parameters", "flops"],
                "population": 10})],
)
def test_every_strategy_carries_a_run(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    section = {**RECIPE["strategy"], "name": name, "settings": settings}
    recipe = {**RECIPE, "strategy": section}
    results = [
        search(tmp_path / f"run{i}", recipe=recipe, evaluations=30)[0] for i in range(2)
    ]
    assert results[0].verified and results[0].evaluations == 30
    assert found(results[0]) == found(results[1])
    records = evaluated(tmp_path / "run0")
    assert all(r["upper_ms"] <= results[0].constraint.latency_ms for r in records)


def test_a_run_is_not_resumed_with_another_strategy(tmp_path: Path) -> None:
    search(tmp_path / "run", strategy="evolution")
    with pytest.raises(UserError, match="strategy 'evolution' \\(now 'evolution:spvnas'\\)"):
        search(tmp_path / "run", strategy="evolution:spvnas", resume=True)


def test_a_strategy_that_cannot_serve_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    toys = Toys()
    section = {"name": "additive", "fitness": {"fl_all": 1.0}, "settings": {}}
    plan = toys.plan(tmp_path / "run", {**RECIPE, "strategy": section})
    with pytest.raises(UserError, match="'additive' is for a fitness that is known"):
        conduct(plan, toys.accuracy, toys.stopwatch, Notes())
    assert not (tmp_path / "run").exists()
