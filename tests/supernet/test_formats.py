import os
import struct
from pathlib import Path

import numpy as np
import pytest

from luts.errors import CorruptFileError, UserError
from supernet.data.collection import read_pairs
from supernet.data.formats import read_flo, read_flow, read_kitti, read_pfm, write_flo

DATA = Path(os.environ.get("METRONAS_DATA", Path(__file__).parents[3] / "shared" / "data"))
PAIRS = DATA / "optical_flow_pairs"
needs_pairs = pytest.mark.skipif(not PAIRS.is_dir(), reason=f"no real pairs in {PAIRS}")


@pytest.fixture
def flow():
    return np.random.default_rng(0).normal(size=(5, 7, 2)).astype(np.float32)


def test_flo_round_trip(tmp_path, flow):
    write_flo(tmp_path / "f.flo", flow)
    read, valid = read_flow(tmp_path / "f.flo")
    assert np.array_equal(read, flow) and valid.all()


def test_unknown_flow_is_invalid(tmp_path, flow):
    flow[1, 2] = 1e10
    write_flo(tmp_path / "f.flo", flow)
    read, valid = read_flo(tmp_path / "f.flo")
    assert not valid[1, 2] and valid.sum() == 34 and (read[1, 2] == 0).all()


@pytest.mark.parametrize("change", [
    lambda data: data[:-4], lambda data: data + b"abcd", lambda data: b"XXXX" + data[4:],
    lambda data: data[:4] + struct.pack("<ii", -1, 5) + data[12:], lambda data: b"",
])
def test_broken_flo_is_refused(tmp_path, flow, change):
    path = tmp_path / "f.flo"
    write_flo(path, flow)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CorruptFileError, match="f.flo"):
        read_flo(path)


@pytest.mark.parametrize(("mark", "kind"), [(b"-1.0", "<f4"), (b"1.0", ">f4")])
def test_pfm_of_both_byte_orders_is_read_upright(tmp_path, mark, kind):
    values = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    path = tmp_path / "f.pfm"
    path.write_bytes(b"PF\n4 2\n" + mark + b"\n" + np.flipud(values).astype(kind).tobytes())
    assert np.array_equal(read_pfm(path), values)
    assert np.array_equal(read_flow(path)[0], values[..., :2])


def test_unknown_suffix_and_absent_file(tmp_path):
    with pytest.raises(UserError, match="known: .flo"):
        read_flow(tmp_path / "f.mat")
    with pytest.raises(UserError, match="no flow file"):
        read_flow(tmp_path / "f.flo")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated"])
def test_broken_npz_is_refused(tmp_path, content):
    (tmp_path / "f.npz").write_bytes(content)
    with pytest.raises(CorruptFileError, match="f.npz"):
        read_flow(tmp_path / "f.npz")


@needs_pairs
def test_kitti_png_equals_the_decoded_flow():
    flow, valid = read_kitti(PAIRS / "kitti_sample" / "flow_gt_original_16bit.png")
    with np.load(PAIRS / "kitti_sample" / "flow.npz") as expected:
        assert np.array_equal(flow, expected["flow"])
        assert np.array_equal(valid, expected["valid"])


@needs_pairs
def test_fixtures_of_other_tools_are_read():
    folder = PAIRS / "format_fixtures_50x50"
    assert read_flo(folder / "0000000-flow_01.flo")[0].shape == (50, 50, 2)
    assert read_pfm(folder / "0000000-occ_weights_01.pfm").shape == (50, 50)


@needs_pairs
def test_zero_flow_scores_as_published():
    """Checks pairs and metrics against the reference table of the data set's README."""
    import torch

    from supernet.tasks.flow import flow_metrics

    pairs = {pair.name: pair for pair in read_pairs(PAIRS)}
    assert len(pairs) == 9
    for name, epe, outliers in (("middlebury_grove2", 3.090, 41.3), ("kitti_sample", 51.01, 96.5)):
        pair = pairs[name]
        found = flow_metrics(torch.zeros_like(pair.flow), pair.flow, pair.valid)
        assert found["epe"] == pytest.approx(epe, abs=0.006)
        assert found["fl_all"] == pytest.approx(outliers, abs=0.06)


def test_broken_pairs_are_listed_at_once(tmp_path, flow):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for frame in ("frame1.png", "frame2.png"):
            Image.new("RGB", (7, 5)).save(tmp_path / name / frame)
    np.savez(tmp_path / "a" / "flow.npz", flow=flow[:3])
    (tmp_path / "b" / "flow.flo").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"2 broken pairs.*a.*b"):
        read_pairs(tmp_path)


@needs_pairs
def test_only_the_named_pairs_are_read_and_unknown_names_are_refused():
    assert [pair.name for pair in read_pairs(PAIRS, ["middlebury_venus"])] == ["middlebury_venus"]
    with pytest.raises(UserError, match=r"has no pair moon; it has .*middlebury_venus"):
        read_pairs(PAIRS, ["moon", "middlebury_venus"])
