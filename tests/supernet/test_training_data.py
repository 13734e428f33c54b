"""Training on data sets in a folder, and on what either renderer makes."""

import json

import numpy as np
import pytest
import torch

from luts.errors import CorruptFileError, UserError
from supernet.training.data import RenderedPairs, check_folder, open_source, stage_batches
from supernet.training.plan import Plan
from supernet.training.settings import training_settings
from tests.supernet import datasets
from tests.supernet.tiny import TINY, tiny_settings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    datasets.own(root, count=11, size=(72, 80))
    datasets.kitti(root, count=6, size=(60, 80))  # lower than the crop
    return root


def plan(folder, out, **changes):
    return Plan("flownas-small", {**TINY, **changes}, out, 0, None, 1, 2, False, None, None, None,
                data=folder)


def test_a_folder_trains_a_reference_on_all_that_it_holds(folder, tmp_path):
    plan(folder, tmp_path, batch=2).train(["reference"], CPU)
    run = json.loads((tmp_path / "reference/run.json").read_text())
    # Two of the eleven pairs and two of KITTI's six are held out.
    assert run["pairs"] == 9 + 4
    assert [part["set"] for part in run["mix"]["parts"]] == ["kitti", "pairs"]
    last = json.loads((tmp_path / "reference/log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 4 and last["validation_epe"] > 0


def test_other_pairs_are_another_training(folder, tmp_path):
    plan(folder, tmp_path / "out").train(["reference"], CPU)
    datasets.own(tmp_path / "other", count=12, size=(72, 80))
    with pytest.raises(UserError, match=r"holds another training run.*pairs"):
        plan(tmp_path / "other", tmp_path / "out").train(["reference"], CPU)


def test_broken_data_end_a_training_before_anything_is_written(tmp_path):
    mine = datasets.own(tmp_path, count=3, size=(72, 80))
    (mine / "p1/flow.npz").unlink()
    with pytest.raises(CorruptFileError, match=r"1 broken pairs of 3.*'.*p1/flow.npz' is missing"):
        plan(mine, tmp_path / "out").train(["reference"], CPU)
    assert not (tmp_path / "out").exists()


def test_stages_ask_for_their_mix(folder):
    settings = training_settings("flownas", {**TINY, "data": "kitti"})
    source = open_source("flownas", settings, 0, None, folder)
    assert source.batch(0).frame1.shape == (1, 3, 288, 960)
    with pytest.raises(UserError, match=r"lacks chairs.*it holds kitti, pairs"):
        open_source("flownas", training_settings("flownas", {**TINY, "data": "chairs"}), 0, None,
                    folder)
    with pytest.raises(UserError, match="unknown data of recipe flownas-small 'kitti'"):
        open_source("flownas-small", settings, 0, None, folder)
    own = training_settings("flownas", {**TINY, "data": "own"})
    assert open_source("flownas", own, 0, None, folder).batch(0).frame1.shape == (1, 3, 64, 64)


def test_the_recipe_names_the_renderer():
    render = {"height": 64, "width": 64, "version": "scenes"}
    settings = tiny_settings(render=render, batch=2)
    source = open_source("flownas-small", settings, 3, None, None)
    assert isinstance(source, RenderedPairs) and source.render.version == "scenes"
    whole = source.batch(1)
    part = source.batch(1, slice(1, 2), CPU)
    assert torch.equal(part.frame2[0], whole.frame2[1])
    layers = open_source("flownas-small", tiny_settings(batch=2), 3, None, None).batch(1)
    assert not torch.equal(layers.frame1, whole.frame1)
    ahead = list(stage_batches(source, settings, 1, 1, CPU))
    assert len(ahead) == 3 and torch.equal(ahead[0].flow, whole.flow)
    with pytest.raises(UserError, match=r"render\.version"):
        tiny_settings(render={"version": "moon"})


def test_the_data_of_all_stages_are_looked_for_before_the_first(folder):
    section = {**TINY, "stages": {"one": {"data": "kitti"}, "two": {"data": "sintel"},
                                  "three": {"data": "chairs"}}}
    with pytest.raises(UserError, match=r"lacks chairs, hd1k, sintel, things \(chairs: data/"):
        check_folder("flownas", section, None, folder)
    check_folder("flownas", section, "one", folder)


def test_the_command_ends_before_anything_is_written(folder, tmp_path):
    from supernet.train import main as train

    with pytest.raises(UserError, match="no folder '.*nowhere'"):
        train(data=str(tmp_path / "nowhere"), out=tmp_path / "out")
    mine = datasets.own(tmp_path, count=3, size=(72, 80))
    (mine / "p1/frame1.png").unlink()
    with pytest.raises(CorruptFileError, match="1 broken pairs of 3"):
        train(data=str(mine), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_noisy_starts_of_sparse_flow_are_means_of_what_is_known():
    from supernet.data.batch import FlowBatch
    from supernet.training.losses import initial_flow

    flow, valid = torch.zeros(1, 2, 64, 64), torch.zeros(1, 64, 64)
    flow[:, 0, ::8, ::8], valid[:, ::8, ::8] = 16.0, 1
    frame = torch.zeros(1, 3, 64, 64)
    settings = tiny_settings(noisy_start=1.0)
    found = [
        initial_flow(FlowBatch(frame, frame, flow, known), settings, np.random.default_rng(0), 0.0)
        for known in (valid, torch.ones_like(valid))
    ]
    # 16 px are two coarse pixels, known at one place in 64.
    assert torch.allclose((found[0] - found[1])[:, 0], torch.tensor(2 - 2 / 64))
    assert torch.allclose(found[0][:, 1], found[1][:, 1])
