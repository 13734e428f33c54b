import json

import pytest
import torch

from benchmarks import rendered_statistics, rendering_speed
from benchmarks._flow_statistics import statistics, tiles
from luts.errors import UserError
from supernet.data.pairs import FlowPair
from tests.supernet import datasets


def moving(u, v, height=96, width=128):
    image = 255 * torch.rand(1, 3, height, width + 40, generator=torch.Generator().manual_seed(0))
    one, two = image[..., 20 : 20 + width], image[..., 20 - u : 20 - u + width]
    flow = torch.tensor([float(u), float(v)]).view(1, 2, 1, 1).expand(1, 2, height, width)
    return FlowPair("a", one, two, flow.contiguous(), torch.ones(1, height, width))


def test_a_shifted_picture_has_the_statistics_of_its_shift():
    found = statistics(moving(8, 0))
    assert all(found[f"speed p{p}"] == pytest.approx(8) for p in (10, 50, 90))
    assert found["leaves"] == pytest.approx(8 / 128)
    assert found["uncovered"] == pytest.approx(7 / 128)  # one column is within 1 px of another
    assert found["boundaries"] == found["bend"] == 0 and found["affine"] == 1
    assert found["residual"] == pytest.approx(0, abs=1e-3)


def test_two_motions_have_a_boundary_and_more_than_one_affine_motion():
    pair = moving(4, 0)
    pair.flow[:, :, 40:, :] = 0
    found = statistics(pair)
    assert found["boundaries"] == pytest.approx(1 / 95) and found["affine"] < 0.8


def test_sparse_flow_has_no_statistics():
    pair = moving(4, 0)
    pair.valid[:, :20] = 0
    assert statistics(pair) is None


def test_tiles_are_whole_and_do_not_overlap():
    found = list(tiles(moving(4, 0), 40, 50))
    assert len(found) == 2 * 2 and all(tile.flow.shape == (1, 2, 40, 50) for tile in found)


def test_renderers_are_compared_with_a_folder(tmp_path, capsys):
    folder = datasets.own(tmp_path, size=(64, 72))
    out = tmp_path / "o.json"
    rendered_statistics.main(real=folder, count=10, height=64, width=64, out=out)
    held = json.loads(out.read_text())
    assert held["counts"] == {"real": 3, "layers": 10, "scenes": 10}
    assert set(held["statistics"]["bend"]["distance"]) == {"layers", "scenes"}
    assert "scenes away" in capsys.readouterr().out
    with pytest.raises(UserError, match="no renderer moon; known: layers, scenes"):
        rendered_statistics.main(real=folder, render=["moon"], out=out)
    with pytest.raises(UserError, match="holds no pair of 200x160 or more"):
        rendered_statistics.main(real=folder, height=160, width=200, out=out)


def test_speed_is_set_against_a_journal_s_need(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1, "seconds_per_step": 0.5}\n{"step": 2}\n')
    out = tmp_path / "o.json"
    rendering_speed.main(log=log, batch=1, seconds=0.01, out=out)
    held = json.loads(out.read_text())
    assert held["need_per_s"] == 2 and set(held["renderers"]) == {"layers", "scenes"}
    log.write_text('{"step": 2}\n')
    with pytest.raises(UserError, match="holds no seconds_per_step"):
        rendering_speed.main(log=log, out=out)
    assert "pairs/s needed" in capsys.readouterr().out
