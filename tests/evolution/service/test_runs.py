"""Runs over HTTP: plots, breakdowns, comparisons, and handing an architecture over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolution.reporting.comparing import read_runs
from evolution.reporting.story import Story, read_story
from evolution.service.accounts import Role
from evolution.service.jobs.commands import Means, build
from evolution.service.store.models import Resource
from tests.evolution.service.runs import add_run, search
from tests.evolution.service.sites import Site, site
from tests.evolution.toys import Toys

API = "/api/v1"
WEIGHTS = 77


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("runs")
    return [search(root / "a", seed=1), search(root / "b", seed=2, strategy="random")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, folders: list[Path]) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        assert [add_run(made.service, folder, {"target": "cpu", "training": training})
                for folder, training in zip(folders, (None, WEIGHTS), strict=True)] == [1, 2]
        yield made


@pytest.fixture(scope="module")
def story(folders: list[Path]) -> Story:
    return read_story(folders[0])


def get(place: Site, path: str) -> Any:
    answer = place.ask("GET", f"{API}{path}", Role.viewer)
    assert answer.status_code == 200, answer.text
    return answer.json()


def add_files(place: Site, files: list[dict[str, Any]], key: str) -> int:
    with place.service.database.write() as session:
        run = Resource(kind="run", target="cpu", key=key, info={}, files=files, origin="job",
                       user_id=1, job_id=None, created_at_s=0.0)
        session.add(run)
    return run.id


def files_of(place: Site) -> dict[str, dict[str, Any]]:
    return {file["path"]: file for file in get(place, "/runs/1")["files"]}


def test_every_scored_architecture_has_its_latency_by_part(place: Site, story: Story) -> None:
    shown = get(place, "/runs/1/points")
    assert [point["vector"] for point in shown["points"]] == [
        list(one.vector) for one in story.candidates]
    assert shown["parts"] == ["stem", "cell1", "cell2"]
    space, predictor = (toys := Toys()).space, toys.predictor
    vectors = np.array([one.vector for one in story.candidates])
    for place_of, (factor, costs) in enumerate(zip(space.factors, predictor.factor_costs(),
                                                   strict=True)):
        wanted = costs[space.factor_rows(factor, vectors)]
        found = [point["parts_ms"][place_of] for point in shown["points"]]
        assert found == pytest.approx(wanted.tolist(), abs=1e-4)
    front = [(point["latency_ms"], point["error"]) for point in shown["points"] if point["front"]]
    assert front
    assert not any(other["latency_ms"] <= x and other["error"] <= y
                   for x, y in front for other in shown["points"]
                   if (other["latency_ms"], other["error"]) != (x, y))


def test_one_architecture_with_what_is_known_of_it(place: Site, story: Story) -> None:
    numbers = {one.vector: number for number, one in enumerate(story.candidates, start=1)}
    best = min(story.candidates, key=lambda one: one.fitness)
    assert get(place, "/runs/1/points")["winner"] == numbers[best.vector]
    shown = get(place, f"/runs/1/architectures/{numbers[best.vector]}")
    assert shown["winner"] is True
    assert shown["architecture"] == story.result.best.architecture
    assert shown["measured_ms"] == story.result.best.measured_latency_ms
    assert list(shown["parts_ms"].items()) == [(name, pytest.approx(ms))
                                               for name, ms in story.evidence.parts]
    assert shown["provenance"]["table"] == story.result.provenance.table
    other = next(one for one in story.candidates if one.vector != best.vector)
    shown = get(place, f"/runs/1/architectures/{numbers[other.vector]}")
    assert (shown["winner"], shown["measured_ms"]) == (False, None)
    assert shown["metrics"] == other.metrics
    refused = place.ask("GET", f"{API}/runs/1/architectures/41")
    assert (refused.status_code, "between 1 and 40" in refused.text) == (422, True)


def test_charts_are_those_of_the_report(place: Site, story: Story) -> None:
    figures = get(place, "/runs/1/charts")["figures"]
    assert set(figures) == {"trade-off", "convergence", "calibration"}
    table = next(trace for trace in figures["calibration"]["data"]
                 if trace["name"] == "networks of the table")
    assert table["y"] == [sample.measured_ms for sample in story.evidence.samples]


def test_runs_are_compared_as_the_command_does(place: Site, folders: list[Path]) -> None:
    shown = get(place, "/comparison?run=2&run=1")
    wanted = [run.row() for run in read_runs([folders[1], folders[0]])]
    assert [row.pop("run") for row in shown["rows"]] == ["run-2", "run-1"]
    assert [row.pop("run") for row in wanted] == ["b", "a"]
    assert shown["rows"] == wanted
    assert set(shown["figures"]) == {"winners", "best", "hypervolume"}
    for query in ("run=1", "run=1&run=1", "", "run=x", "run=0",
                  "&".join(["run=1", "run=2"] * 11)):
        assert place.ask("GET", f"{API}/comparison?{query}").status_code == 422, query
    assert place.ask("GET", f"{API}/comparison?run=1&run=99").status_code == 404


@pytest.mark.parametrize("path", ["points", "charts", "architectures/1"])
@pytest.mark.parametrize("name", ["result.json", "journal.jsonl", "evidence.json"])
def test_damaged_runs_are_refused_without_this_servers_paths(
    place: Site, folders: list[Path], tmp_path: Path, path: str, name: str
) -> None:
    kept = files_of(place)
    (tmp_path / name).write_text((folders[0] / name).read_text()[:-40])
    sha256, size_bytes = place.service.blobs.put_file(tmp_path / name, limit_bytes=1 << 30)
    damaged = {**kept[name], "sha256": sha256, "size_bytes": size_bytes}
    number = add_files(place, list({**kept, name: damaged}.values()), "damaged")
    answer = place.ask("GET", f"{API}/runs/{number}/{path}")
    assert (answer.status_code, name in answer.text) == (422, True), answer.text
    assert str(place.service.settings.data) not in answer.text
    del kept[name]
    number = add_files(place, list(kept.values()), "less")
    assert place.ask("GET", f"{API}/runs/{number}/{path}").status_code == 404
    assert list((place.service.blobs.folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("change", [
    lambda factor: factor["costs_ms"].pop(), lambda factor: factor["decisions"].append(99)])
def test_costs_that_do_not_fit_their_decisions_are_damage(
    place: Site, tmp_path: Path, folders: list[Path], change: Any
) -> None:
    evidence = json.loads((folders[0] / "evidence.json").read_text())
    change(evidence["factors"][-1])
    (tmp_path / "x").write_text(json.dumps(evidence))
    sha256, size_bytes = place.service.blobs.put_file(tmp_path / "x", limit_bytes=1 << 30)
    kept = files_of(place)
    kept["evidence.json"] |= {"sha256": sha256, "size_bytes": size_bytes}
    number = add_files(place, list(kept.values()), "odd")
    assert place.ask("GET", f"{API}/runs/{number}/points").status_code == 422


def test_a_run_of_an_earlier_version_has_no_parts(
    place: Site, tmp_path: Path, folders: list[Path]
) -> None:
    evidence = json.loads((folders[0] / "evidence.json").read_text())
    del evidence["factors"]
    (tmp_path / "x").write_text(json.dumps(evidence))
    sha256, size_bytes = place.service.blobs.put_file(tmp_path / "x", limit_bytes=1 << 30)
    kept = files_of(place)
    kept["evidence.json"] |= {"sha256": sha256, "size_bytes": size_bytes}
    shown = get(place, f"/runs/{add_files(place, list(kept.values()), 'old')}/points")
    assert shown["parts"] == []
    assert all(point["parts_ms"] == [] for point in shown["points"])


def test_a_plot_says_that_its_latencies_are_estimated(
    place: Site, tmp_path: Path, folders: list[Path]
) -> None:
    shown = get(place, "/runs/1/points")
    assert (shown["latencies"], shown["evidence"]) == ("measured", "")
    result = json.loads((folders[0] / "result.json").read_text())
    result |= {"latencies": "estimated", "evidence": "3 networks on this card"}
    (tmp_path / "x").write_text(json.dumps(result))
    sha256, size_bytes = place.service.blobs.put_file(tmp_path / "x", limit_bytes=1 << 30)
    kept = files_of(place)
    kept["result.json"] |= {"sha256": sha256, "size_bytes": size_bytes}
    shown = get(place, f"/runs/{add_files(place, list(kept.values()), 'far')}/points")
    assert (shown["latencies"], shown["evidence"]) == ("estimated", "3 networks on this card")


def test_an_architecture_is_handed_over_with_the_weights_of_its_search(place: Site) -> None:
    def submit(**wanted: Any) -> Any:
        return place.ask("POST", f"{API}/jobs", Role.submitter, json={"kind": "export", **wanted})

    job = submit(run=1, point=3, precision="int8").json()
    assert [item["place"] for item in job["inputs"]] == ["run"]
    line = build("export", job["parameters"], Means("cpu")).arguments
    assert {"run", "--point=3", "--precision=int8", "--out=bundle"} <= set(line)
    assert not any(text.startswith("--weights") for text in line)
    # The second run was searched with trained weights, which are not there yet.
    assert (refused := submit(run=2, point=3)).status_code == 404
    assert f"no training {WEIGHTS}" in refused.text
    with place.service.database.write() as session:
        session.add(Resource(id=WEIGHTS, kind="training", target="", key="k", info={}, files=[],
                             origin="job", user_id=1, job_id=None, created_at_s=0.0))
    job = submit(run=2, point=3).json()
    assert [(item["resource"], item["place"]) for item in job["inputs"]] == [
        (2, "run"), (WEIGHTS, "weights")]
    assert "--weights=weights" in build("export", job["parameters"], Means("cpu")).arguments
    assert submit(run=2).json()["inputs"] == [{"resource": 2, "kind": "run", "place": "run"}]
    for wrong, status, said in [
        ({"run": 999}, 404, "no run 999"),
        ({"run": 2, "training": WEIGHTS}, 422, "goes with a point"),
        ({"run": 1, "format": "torch", "precision": "int8"}, 422, "not 'int8'"),
        ({"run": 1, "format": "tensorrt"}, 422, "for GPUs"), ({"run": 1, "point": 0}, 422, "point"),
    ]:
        refused = submit(**wrong)
        assert (refused.status_code, said in refused.text) == (status, True), refused.text
