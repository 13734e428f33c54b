"""Searched, random and hand-picked networks are trained alike, by commands that exist."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks import searched_alone
from benchmarks._commands import Command
from benchmarks.equal_steps import SUPERNETS
from benchmarks.equal_steps import Work as EqualWork
from benchmarks.searched_alone import BASELINE, SEARCHES, Work, _found, _show
from luts.errors import UserError
from tests.evolution.bundle.toy_bundle import make_run


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """With both searches of seed 4 finished."""
    for name in SEARCHES:
        make_run(tmp_path / "bn-nas-small" / "seed4" / f"search-{name}", measured=True)
    return Work("bn-nas-small", "digits", "cpu", tmp_path)


def options(command: Command) -> list[str]:
    return [word for word in command.arguments if word.startswith("--")]


def unknown(commands: Sequence[Command]) -> set[str]:
    """Options that the commands do not have."""
    found = set()
    for command in commands:
        app = typer.Typer()
        app.command()(importlib.import_module(command.arguments[0]).main)
        known = {name for parameter in typer.main.get_command(app).params
                 for name in parameter.opts}
        found |= {f"{command.arguments[0]} {name}" for name in options(command)
                  if name not in known}
    return found


def test_all_options_exist(work: Work, tmp_path: Path) -> None:
    networks = (*SEARCHES, BASELINE)
    commands = [work.baseline(4, 7), work.supernet(4, 9), *work.table(),
                *(work.search(4, name, "100%") for name in SEARCHES),
                *(work.alone(4, name, 7) for name in SEARCHES),
                *(work.score(4, name) for name in networks)]
    assert len({command.name for command in commands}) == len(commands)
    equal = EqualWork("flownas-small", "cpu", ["steps=7"], tmp_path)
    commands += [equal.reference(0), equal.longer(0), equal.search(0, "fad", "97%", 9),
                 *(equal.supernet(0, name) for name in SUPERNETS),
                 *equal.scores(0, "fad", {"real": ["pairs"]}),
                 *equal.scores(0, "longer", {"rendered": ["layers:9"]})]
    assert unknown(commands) == set()
    assert unknown([Command("wrong", ("supernet.train", "--stepz", "3"))]) == {
        "supernet.train --stepz"}


@pytest.mark.parametrize(("given", "message"), [
    ({"target": "nosuch"}, "nosuch"), ({"latency": "soon"}, "--latency.*soon"),
    ({"changes": ["nope=1"]}, "training.nope = 1"),
])
def test_what_later_commands_would_refuse_is_refused_before_any_training(
    given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        searched_alone.main(recipes=["bn-nas-small"], out=tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_networks_of_a_seed_are_trained_alike_and_scored_on_unseen_images(work: Work) -> None:
    trained = {name: work.alone(4, name, 7).arguments for name in SEARCHES}
    trained[BASELINE] = work.baseline(4, 7).arguments
    alike = {tuple(word for word, before in zip(one[1:], one, strict=False)
                   if not {word, before} & {"--architecture", "--network", "--out"})
             for one in trained.values()}
    assert len(alike) == 1 and "--steps 7" in " ".join(alike.pop())
    assert after("--network", trained[BASELINE]) == "reference"
    for name, training in trained.items():
        scored = work.score(4, name).arguments
        assert after("--split", scored) == "test"
        assert after("--weights", scored) == after("--out", training)
        # supernet.evaluate takes exactly one of these.
        named = {"--run", "--reference", "--architecture"} & set(scored)
        assert named == {"--reference" if name == BASELINE else "--architecture"}
        if name == BASELINE:
            continue
        assert after("--architecture", scored) == after("--architecture", training)
        architecture = json.loads(after("--architecture", training))
        assert architecture == work.result(4, name).best.architecture


def test_settings_are_of_supernets_alone(tmp_path: Path) -> None:
    work = Work("parsec-chain-small", "digits", "cpu", tmp_path, ("parsec.rate=50", "clip=1"))
    assert "--set parsec.rate=50 --set clip=1" in " ".join(work.supernet(0, 9).arguments)
    assert "--set" not in work.baseline(0, 9).arguments


def after(option: str, words: Sequence[str]) -> str:
    """The value of an option."""
    return words[words.index(option) + 1]


@pytest.mark.parametrize(("recipe", "data", "said"), [
    ("flownas-small", "digits", "is of optical_flow; give one of bn-nas-small"),
    ("nasbench-macro", None, "names no images; give --data"),
])
def test_a_recipe_that_does_not_fit_is_refused_before_anything_is_trained(
    tmp_path: Path, recipe: str, data: str | None, said: str
) -> None:
    with pytest.raises(UserError, match=f"--recipe {recipe} {said}"):
        searched_alone.main(recipes=[recipe], data=data, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_figures_are_the_run_s_and_the_score_s(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    score = json.dumps({"sets": [{"mean": {"error": 12.5, "loss": 0.5}}]})
    found = [_found(work, 4, name, score) for name in (*SEARCHES, BASELINE)]
    run = work.result(4, "searched")
    assert [one["latency_ms"] for one in found[::2]] == [
        run.best.measured_latency_ms, run.reference.measured_latency_ms]
    assert found[0]["error"] == 12.5 and found[0]["verified"] == run.verified
    _show(found, 9, 7)
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*SEARCHES, BASELINE)) and "12.50" in shown
