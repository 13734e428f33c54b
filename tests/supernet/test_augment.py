import numpy as np
import pytest
import torch

from luts.errors import CorruptFileError, UnknownNameError, UserError
from luts.recipes import read_recipe
from supernet.data.augment import Augmentation, augmented, middle_crop, resplat
from supernet.data.collection import find_data
from supernet.data.jitter import Jitter, hue_turned, jittered
from supernet.data.loader import batches_of
from supernet.data.mixes import find_mix, mix_of_all
from supernet.data.pairs import FlowPair
from supernet.data.source import FolderSource
from tests.supernet import datasets


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def ramp(height=80, width=112, u=6.0, v=-3.0, valid=None):
    """A pair under constant motion whose two colours are linear in x and y."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    one = torch.stack([x + 40.0, y + 40.0, 0 * x + 9.0])[None]
    two = one - torch.tensor([u, v, 0]).view(1, 3, 1, 1)
    flow = torch.tensor([u, v]).view(1, 2, 1, 1).expand(1, 2, height, width).contiguous()
    known = torch.ones(1, height, width) if valid is None else valid
    return FlowPair("a", one, two, flow * known[:, None], known)


@pytest.mark.parametrize("seed", range(12))
def test_flow_still_maps_frame_1_onto_frame_2(seed):
    """Colour tells the place in the untouched pair, so the change of colour tells the flow."""
    how = Augmentation(48, 64, -0.3, 0.6, jitter=None)
    one, two, flow, valid = augmented(ramp(), how, seeded(seed), sparse=False)
    assert one.shape == two.shape == (3, 48, 64) and flow.shape == (2, 48, 64)
    assert valid.all()
    inner = (slice(8, -8), slice(8, -8))
    right = (one[0, 8:-8, 9:-7] - one[0, 8:-8, 7:-9]) / 2  # colours per pixel
    down = (one[1, 9:-7, 8:-8] - one[1, 7:-9, 8:-8]) / 2
    # Frame 2 at x + f holds the colour that frame 1 holds at x.
    assert torch.allclose((one - two)[0][inner], flow[0][inner] * right, atol=1e-3)
    assert torch.allclose((one - two)[1][inner], flow[1][inner] * down, atol=1e-3)


def test_the_generator_settles_everything():
    how = Augmentation(48, 64)
    pair = ramp()
    for sparse in (False, True):
        first, again = (augmented(pair, how, seeded(5), sparse=sparse) for _ in range(2))
        other = augmented(pair, how, seeded(6), sparse=sparse)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        assert not torch.equal(first[0], other[0])


def test_small_pairs_are_enlarged_and_unknown_flow_stays_unknown():
    valid = torch.ones(1, 40, 50)
    valid[:, :, :20] = 0
    pair = ramp(40, 50, valid=valid)
    seen = []
    for seed in range(10):
        for sparse in (False, True):
            out = augmented(pair, Augmentation(64, 64, jitter=None), seeded(seed), sparse=sparse)
            assert out[0].shape == (3, 64, 64)
            assert (out[2][:, out[3] == 0] == 0).all() or not sparse
            known = out[2][:, out[3] > 0]
            # Every known flow is the true one at some scale: the ratio of its parts stays near 2.
            assert (known[0].abs() > known[1].abs()).all()
            seen.append(float(out[3].mean()))
    assert 0 < np.mean(seen) < 1
    assert middle_crop(pair, 64, 64, sparse=True)[0].shape == (3, 64, 64)


def test_sparse_flow_moves_to_the_nearest_pixel_and_is_never_mixed():
    flow, valid = torch.zeros(2, 4, 6), torch.zeros(4, 6)
    flow[:, 1, 2], valid[1, 2] = torch.tensor([3.0, -2.0]), 1
    moved, known = resplat(flow, valid, 8, 9)
    assert known.sum() == 1 and known[2, 3] == 1
    assert torch.allclose(moved[:, 2, 3], torch.tensor([4.5, -4.0]))
    rng = seeded(0)
    flow = torch.randn(2, 30, 40, generator=rng)
    valid = (torch.rand(30, 40, generator=rng) < 0.3).float()
    moved, known = resplat(flow, valid, 15, 20)
    held = {tuple(v) for v in (flow[:, valid > 0.5] / 2).T.tolist()}
    assert {tuple(v) for v in moved[:, known > 0.5].T.tolist()} <= held


def test_sparse_pairs_are_never_turned_upside_down_or_stretched():
    how = Augmentation(48, 64, jitter=None)
    for seed in range(20):
        _, _, flow, valid = augmented(ramp(), how, seeded(seed), sparse=True)
        known = flow[:, valid > 0.5]
        assert (known[1] < 0).all() and torch.allclose(known[0].abs(), -2 * known[1], rtol=0.05)


def test_colours_change_alike_or_apart_and_a_part_is_covered():
    frame = 255 * torch.rand(3, 120, 160, generator=seeded(0))
    alike = jittered(frame, frame, Jitter(asymmetric=0, eraser=0), seeded(1))
    assert torch.equal(*alike) and not torch.equal(alike[0], frame)
    apart = jittered(frame, frame, Jitter(asymmetric=1, eraser=0), seeded(1))
    assert not torch.equal(*apart)
    one, two = jittered(frame, frame, Jitter(0, 0, 0, 1.0), seeded(1))
    changed = (one != two).any(0)
    assert 0 < changed.float().mean() < 0.9
    assert len(two[:, changed].T.unique(dim=0)) == 1  # one colour, the mean
    for pixels in (*alike, *apart, two):
        assert pixels.min() >= 0 and pixels.max() <= 255 and torch.equal(pixels, pixels.round())


def test_hue_turns_as_in_colorsys():
    import colorsys

    pixels = torch.rand(3, 4, 5, generator=seeded(2))
    turned = hue_turned(pixels, 0.3)
    for y in range(4):
        for x in range(5):
            h, s, v = colorsys.rgb_to_hsv(*pixels[:, y, x].tolist())
            expected = colorsys.hsv_to_rgb((h + 0.3) % 1, s, v)
            assert turned[:, y, x].tolist() == pytest.approx(expected, abs=1e-5)
    assert torch.allclose(hue_turned(pixels, 0.0), pixels, atol=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    datasets.kitti(root, count=6, size=(70, 90))
    datasets.sintel(root, scenes=("alley_1", "market_2"), frames=3, size=(70, 90))
    return root


MIX = {"crop": [64, 72], "parts": [
    {"set": "sintel", "group": "clean", "repeat": 3}, {"set": "kitti", "flip": False},
]}


def test_a_round_holds_each_pair_as_often_as_its_repeat_and_no_held_out_one(folder):
    source = FolderSource(find_mix("r", {"m": MIX}, "m"), folder, 2, seed=0)
    # Sintel's first scene is held out, and KITTI's pairs 0 and 5.
    assert source.round_length == 3 * 2 + 4
    for number in range(2):
        names = [source.files(number * 10 + place).name for place in range(10)]
        assert sorted(names) == sorted(
            ["market_2/frame_0001", "market_2/frame_0002"] * 3
            + ["000001_10", "000002_10", "000003_10", "000004_10"]
        )
    other = FolderSource(find_mix("r", {"m": MIX}, "m"), folder, 2, seed=1)
    assert [source.files(p).name for p in range(10)] != [other.files(p).name for p in range(10)]
    held = source.held_out(24)
    assert held.frame1.shape == (2 + 2, 3, 64, 72)
    assert source.calibration(3).shape == (3, 3, 64, 72)


def test_seed_and_step_settle_a_batch_whoever_reads_it(folder):
    mix = find_mix("r", {"m": MIX}, "m")
    source = FolderSource(mix, folder, 4, seed=3)
    whole = source.batch(7)
    assert whole.frame1.shape == (4, 3, 64, 72) and whole.valid.shape == (4, 64, 72)
    again = FolderSource(mix, folder, 4, seed=3).batch(7)
    halves = [source.batch(7, part) for part in (slice(0, 2), slice(2, 4))]
    for index, part in enumerate(whole.parts()):
        assert torch.equal(part, again.parts()[index])
        assert torch.equal(part, torch.cat([half.parts()[index] for half in halves]))
    for workers in (1, 2):
        ahead = list(batches_of(source, 6, 8, workers))
        assert len(ahead) == 2 and torch.equal(ahead[1].flow, whole.flow)


def test_missing_data_sets_and_broken_files_are_named_before_training(folder, tmp_path):
    mix = {"crop": [64, 64], "parts": [{"set": "chairs"}, {"set": "hd1k"}, {"set": "kitti"}]}
    with pytest.raises(UserError, match=r"lacks chairs, hd1k \(chairs: data.*it holds kitti, sin"):
        FolderSource(find_mix("r", {"m": mix}, "m"), folder, 1, 0)
    mine = datasets.own(tmp_path, count=4)
    (mine / "p0/flow.npz").write_bytes(b"")  # held out, and needed for validation
    (mine / "p2/frame2.jpg").unlink()
    everything = mix_of_all(find_data(mine), 64, 64)
    with pytest.raises(CorruptFileError, match=r"2 broken pairs of 4.*frame2.*missing"):
        FolderSource(everything, mine, 1, 0)


@pytest.mark.parametrize(("change", "said"), [
    ({"crop": [60, 64]}, r"data\.m\.?.*divisible by 8"),
    ({"parts": [{"set": "moon"}]}, r"data\.m\.parts\.0.*unknown data set 'moon'"),
    ({"parts": [{"set": "kitti", "scale": [1, 0]}]}, r"parts\.0.*smaller, then the larger"),
    ({"parts": []}, r"data\.m\.parts"),
])
def test_wrong_mixes_name_the_field(change, said):
    with pytest.raises(UserError, match=said):
        find_mix("r", {"m": {**MIX, **change}}, "m")


def test_the_recipe_s_mixes_are_whole():
    section = read_recipe("flownas")["data"]
    mixes = {name: find_mix("flownas", section, name) for name in section}
    assert mixes["kitti"].crop == (288, 960)
    assert [part.repeat for part in mixes["sintel"].parts] == [100, 100, 200, 5, 1]
    with pytest.raises(UnknownNameError, match="known: agflow, chairs, kitti, sintel, things"):
        find_mix("flownas", section, "moon")
