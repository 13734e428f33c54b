import json
from collections import namedtuple

import pytest
import torch
from torch.nn import functional as F

from luts.errors import UserError
from supernet import coarse_to_fine
from supernet.coarse_to_fine import coarse_flow, estimate, parse_scales
from supernet.data.pairs import FlowPair
from supernet.evaluate import main as evaluate
from supernet.raft.network import pad_to_multiple, unpad
from supernet.score import score_pairs

STEP = torch.tensor([1.0, -0.5]).view(1, 2, 1, 1)


class Adds(torch.nn.Module):
    """Adds one and minus a half pixel of its frames to the flow that it starts from."""

    iterations = 6

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.frames, self.starts = [], []

    @property
    def head(self):
        return self

    def features(self, one, two):
        self.frames.append(torch.cat([one, two]))
        return [self.frames[-1]], [one]

    def iterate(self, one, two, context, iterations, *, initial=None):
        height, width = one.shape[2:]
        self.starts.append(initial)
        start = torch.zeros(1, 2, height // 8, width // 8) if initial is None else initial
        coarse = start + STEP / 8
        return [F.interpolate(8 * coarse, (height, width), mode="nearest")], coarse


def pair_of(height=20, width=28, name="a", sequence=""):
    frames = torch.randint(
        256, (2, 1, 3, height, width), generator=torch.Generator().manual_seed(1)
    ).float()
    flow = torch.zeros(1, 2, height, width)
    return FlowPair(name, frames[0], frames[1], flow, torch.ones(1, height, width),
                    sequence=sequence)


@pytest.mark.parametrize("bottom_only", [False, True])
def test_each_pass_goes_on_from_the_one_before_in_its_own_pixels(bottom_only):
    network, pair = Adds(), pair_of()
    found = estimate(network, pair, 3, bottom_only=bottom_only, scales=(1, 2, 0.5))
    # A pixel of the pass at scale s is 1 / s of the pair's.
    expected = (1 + 1 / 2 + 2) * STEP.expand(1, 2, 20, 28)
    torch.testing.assert_close(found.flow, expected)
    assert [tuple(frames.shape[2:]) for frames in network.frames] == [(24, 32), (40, 56), (16, 16)]
    assert network.starts[0] is None
    torch.testing.assert_close(network.starts[1], (2 * STEP / 8).expand(1, 2, 5, 7))
    torch.testing.assert_close(found.coarse, (STEP / 8).expand(1, 2, 3, 4))


def test_larger_frames_show_the_same_and_keep_their_range():
    network, pair = Adds(), pair_of(32, 48)
    estimate(network, pair, 1, bottom_only=False, scales=(1, 3))
    first, larger = network.frames
    assert torch.equal(first, torch.cat([pair.frame1, pair.frame2]))
    assert larger.shape == (2, 3, 96, 144) and larger.min() >= 0 and larger.max() <= 255
    middles = larger[..., 1::3, 1::3]
    torch.testing.assert_close(middles, first, atol=1e-3, rtol=0)


def test_a_start_lies_where_its_pixels_are():
    flow = torch.zeros(1, 2, 20, 28)
    flow[..., 14:] = 4.0  # the right half moves
    frames, pad = pad_to_multiple(torch.zeros(1, 1, 40, 56))
    start = coarse_flow(flow, frames.shape[-2:], pad, 2)
    assert start.shape == (1, 2, 5, 7)
    torch.testing.assert_close(start[..., :3], torch.zeros(1, 2, 5, 3))
    torch.testing.assert_close(start[..., 4:], torch.ones(1, 2, 5, 3))
    assert 0.3 < start[..., 3].mean() < 0.7
    frames, pad = pad_to_multiple(torch.zeros(1, 1, 20, 28), bottom_only=True)
    padded = coarse_flow(flow, frames.shape[-2:], pad, 1)
    assert padded.shape == (1, 2, 3, 4)
    assert torch.equal(unpad(F.interpolate(padded, scale_factor=8.0), pad)[..., 24:].mean(),
                       torch.tensor(0.5))


def test_a_sequence_starts_its_first_pass_from_the_pair_before():
    network = Adds()
    pairs = [pair_of(name="a", sequence="x"), pair_of(name="b", sequence="x")]
    score_pairs(network, pairs, warm_start=True, scales=(1, 2))
    assert [start is not None for start in network.starts] == [False, True, True, True]
    assert network.starts[2].shape == (1, 2, 3, 4)


@pytest.mark.parametrize("text", ["", "1,", "a", "1;2", "0.1", "5", "1,1,1,1,1", "nan", "-1"])
def test_wrong_scales_are_refused(text):
    with pytest.raises(UserError, match=f"--scales {text}: give 1 to 4 numbers from 0.25 to 4"):
        parse_scales(text)
    assert parse_scales("1,2,0.5") == (1.0, 2.0, 0.5)


def test_a_pair_that_memory_cannot_hold_is_refused_in_one_line(monkeypatch):
    free = namedtuple("free", "available")(2_000_000)
    monkeypatch.setattr(coarse_to_fine.psutil, "virtual_memory", lambda: free)
    network, pair = Adds(), pair_of(160, 160)
    estimate(network, pair, 1, bottom_only=False)
    with pytest.raises(UserError, match=r"pair a at scale 2 \(320x320\).*give smaller --scales"):
        estimate(network, pair, 1, bottom_only=False, scales=(1, 2))
    assert len(network.frames) == 2


def test_shipped_network_errs_less_from_coarse_to_fine(capsys):
    found = {}
    for scales in (None, "1", "1,2"):
        evaluate(data="rendered:6", architecture="smallest", scales=scales, as_json=True)
        found[scales] = json.loads(capsys.readouterr().out)
    assert found[None] == found["1"] and found[None]["sets"][0]["scales"] == [1.0]
    assert found["1,2"]["sets"][0]["scales"] == [1.0, 2.0]
    assert found["1,2"]["mean"]["epe"] < found["1"]["mean"]["epe"]
