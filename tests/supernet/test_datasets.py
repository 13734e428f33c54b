import numpy as np
import pytest
from PIL import Image

from luts.errors import CorruptFileError, UserError
from supernet.data.collection import check_pairs, find_data, read_pairs
from supernet.data.formats import read_flow, read_kitti, write_kitti
from supernet.data.headers import flow_size, image_size
from supernet.data.pairs import read_pair
from tests.supernet import datasets

COUNTS = {"chairs": 5, "things": 16, "sintel": 12, "kitti": 6, "hd1k": 4, "pairs": 3}
WRITERS = {
    "chairs": datasets.chairs, "things": datasets.things, "sintel": datasets.sintel,
    "kitti": datasets.kitti, "hd1k": datasets.hd1k, "pairs": datasets.own,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_layout_is_found_whole_and_read(tmp_path, name):
    folder = WRITERS[name](tmp_path)
    (held,) = find_data(folder)
    assert held.layout.name == name and len(held.pairs) == COUNTS[name]
    assert len({(pair.group, pair.name) for pair in held.pairs}) == COUNTS[name]
    check_pairs(held.pairs, folder)
    for files in held.pairs:
        pair = read_pair(files)
        assert pair.frame1.shape == (1, 3, *datasets.SIZE) and pair.flow.shape == (1, 2, 24, 32)
        assert files.sparse == (pair.valid.mean() < 0.9)
    assert find_data(tmp_path)[0].pairs == held.pairs  # found from above, too


def test_a_folder_of_data_sets_holds_them_all(tmp_path):
    for write in WRITERS.values():
        write(tmp_path)
    assert sorted(held.layout.name for held in find_data(tmp_path)) == sorted(WRITERS)


def test_things_in_the_past_goes_back(tmp_path):
    (held,) = find_data(datasets.things(tmp_path, passes=("clean",)))
    past = next(p for p in held.pairs if p.name == "TRAIN/A/0000/into_past/0008")
    assert (past.frame1.stem, past.frame2.stem) == ("0008", "0007")
    assert past.flow.name == "OpticalFlowIntoPast_0008_L.pfm"
    assert np.array_equal(read_pair(past).flow[0].permute(1, 2, 0), datasets.flow_of(8))
    assert {pair.split for pair in held.pairs if pair.name.startswith("TEST")} == {"val"}


def test_sintel_pairs_are_neighbours_of_one_scene(tmp_path):
    (held,) = find_data(datasets.sintel(tmp_path))
    assert [p.name for p in held.pairs if p.sequence == "final/market_2"] == [
        f"market_2/frame_000{n}" for n in (1, 2, 3)
    ]
    for pair in held.pairs:
        assert pair.frame1.parent == pair.frame2.parent
        assert int(pair.frame2.stem[-1]) == int(pair.frame1.stem[-1]) + 1
        assert pair.flow.stem == pair.frame1.stem


def test_splits_are_the_published_ones(tmp_path):
    folder = datasets.chairs(tmp_path)
    assert "no FlyingChairs_train_val.txt" in find_data(folder)[0].notes[0]
    (tmp_path / "FlyingChairs_train_val.txt").write_text("1\n2\n1\n1\n2\n")
    (held,) = find_data(folder)
    assert [p.name for p in held.held_out()] == ["00002", "00005"] and not held.notes
    (tmp_path / "FlyingChairs_train_val.txt").write_text("1\n2\n")
    with pytest.raises(CorruptFileError, match="2 lines and none for pair 00003"):
        find_data(folder)
    (tmp_path / "FlyingChairs_train_val.txt").write_text("1\n3\n")
    with pytest.raises(CorruptFileError, match="holds '3'"):
        find_data(folder)
    (kitti,) = find_data(datasets.kitti(tmp_path / "k"))
    assert [p.name for p in kitti.held_out()] == ["000000_10", "000005_10"]


def test_broken_and_missing_files_are_counted_and_listed_within_bounds(tmp_path):
    folder = datasets.kitti(tmp_path, count=15)
    training = folder / "training"
    for number in range(11):
        (training / f"image_2/{number:06}_11.png").unlink()
    data = (training / "flow_occ/000012_10.png").read_bytes()
    (training / "flow_occ/000012_10.png").write_bytes(data[:-40])
    datasets.image(training / "image_2/000013_11.png", size=(24, 40))
    (held,) = find_data(folder)
    with pytest.raises(CorruptFileError) as caught:
        check_pairs(held.pairs, folder)
    message = str(caught.value)
    assert message.startswith(f"13 broken pairs of 15 in '{folder}'")
    assert "000000_11.png' is missing" in message and message.endswith("; and 3 more")
    with pytest.raises(CorruptFileError, match=r"000012_10.png' ends too early.*32x24 and 40x24"):
        check_pairs(held.pairs[11:], folder)


def test_a_frame_without_flow_is_a_problem_of_its_pair(tmp_path):
    folder = datasets.chairs(tmp_path, count=2)
    (folder / "data/00002_flow.flo").unlink()
    with pytest.raises(CorruptFileError, match=r"1 broken pairs of 2.*00002_flow.flo' is missing"):
        read_pairs(folder)


def test_folders_of_no_layout_show_the_layouts(tmp_path):
    with pytest.raises(UserError, match=r"holds no pair.*kitti: training/image_2.*pairs: NAME"):
        find_data(tmp_path)
    with pytest.raises(UserError, match="no folder"):
        find_data(tmp_path / "absent")


@pytest.mark.parametrize("suffix", [".flo", ".pfm", ".png", ".npz"])
def test_sizes_of_flow_come_from_headers_and_truncation_shows(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    datasets.flow(path)
    assert flow_size(path) == datasets.SIZE == read_flow(path)[0].shape[:2]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CorruptFileError, match=f"f{suffix}"):
        flow_size(path)


@pytest.mark.parametrize("suffix", [".png", ".ppm", ".jpg"])
def test_sizes_of_images_come_from_headers_and_truncation_shows(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    datasets.image(path)
    assert image_size(path) == datasets.SIZE
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CorruptFileError, match=f"f{suffix}"):
        image_size(path)


def test_a_ppm_header_may_hold_comments(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 # by a tool\n3\n# size\n 2 255\n" + bytes(18))
    assert image_size(tmp_path / "a.ppm") == (2, 3)


def test_eight_bit_png_is_no_flow(tmp_path):
    Image.new("RGB", (5, 4)).save(tmp_path / "f.png")
    for read in (flow_size, read_kitti):
        with pytest.raises(CorruptFileError, match="16-bit colour"):
            read(tmp_path / "f.png")


def test_kitti_flow_keeps_64ths_of_a_pixel(tmp_path):
    values = np.random.default_rng(0).normal(scale=90, size=(9, 11, 2)).astype(np.float32)
    valid = np.random.default_rng(1).random((9, 11)) < 0.4
    write_kitti(tmp_path / "f.png", values, valid)
    read, known = read_kitti(tmp_path / "f.png")
    assert np.array_equal(known, valid) and (read[~valid] == 0).all()
    assert np.abs(read - values)[valid].max() < 0.00783
