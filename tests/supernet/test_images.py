import gzip
import struct
import zipfile

import numpy as np
import pytest
import torch

from luts.errors import CorruptFileError, UserError
from supernet.data.images import find
from supernet.data.images.augment import augmented, fitted
from supernet.data.images.find import find_images
from supernet.data.images.sets import spread
from supernet.data.images.source import ImageSource
from supernet.training.image_settings import AugmentSection
from tests.supernet.images import CLASSES, picture, tiny_image_settings, write_folder


def source(images, **changes):
    return ImageSource(images, tiny_image_settings(**changes), 16, 16, 10)


def assert_same(one, two):
    assert one.classes == two.classes
    for a, b in ((one.train, two.train), (one.test, two.test)):
        order = [np.lexsort((np.array([i.read(k).sum() for k in range(len(i))]), i.labels))
                 for i in (a, b)]
        assert np.array_equal(a.labels[order[0]], b.labels[order[1]])
        assert all(np.array_equal(a.read(int(x)), b.read(int(y)))
                   for x, y in zip(*order, strict=True))


def test_folder_and_zip_and_npz_hold_the_same(tmp_path):
    folder = write_folder(tmp_path / "shapes")
    on_disk = find_images(folder)
    on_disk.check()
    assert on_disk.classes == CLASSES
    assert len(on_disk.train) == len(on_disk.test) == 36
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        for path in sorted(folder.rglob("*.png")):
            packed.write(path, path.relative_to(folder))
    parts = {}
    for name, images in (("train", on_disk.train), ("test", on_disk.test)):
        parts[f"x_{name}"] = np.stack([images.read(i) for i in range(len(images))])
        parts[f"y_{name}"] = images.labels
    np.savez(tmp_path / "arrays.npz", classes=np.array(CLASSES), **parts)
    for name in ("packed.zip", "arrays.npz"):
        found = find_images(tmp_path / name)
        found.check()
        assert_same(on_disk, found)


def test_a_folder_that_holds_one_zip_is_that_zip(tmp_path):
    folder = write_folder(tmp_path / "shapes")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "README.md").write_text("about it")
    with zipfile.ZipFile(tmp_path / "set" / "images.zip", "w") as packed:
        for path in sorted(folder.rglob("*.png")):
            packed.write(path, path.relative_to(folder))
    assert len(find_images(tmp_path / "set").train) == 36


def test_classes_without_parts_have_no_test_part(tmp_path):
    found = find_images(write_folder(tmp_path / "shapes") / "train")
    assert found.classes == CLASSES and found.test is None


def test_broken_files_are_listed_before_training(tmp_path):
    folder = write_folder(tmp_path / "shapes")
    (folder / "train" / "left" / "000.png").write_bytes(b"no image")
    (folder / "test" / "upper" / "001.png").write_bytes(b"")
    with pytest.raises(CorruptFileError, match=r"2 problems.*left/000\.png.*upper/001\.png"):
        find_images(folder).check()


def test_unknown_places_are_refused_with_the_layouts(tmp_path):
    with pytest.raises(UserError, match="no image set"):
        find_images(tmp_path / "nowhere")
    with pytest.raises(UserError, match="CLASS/image"):
        find_images(tmp_path)


def test_a_test_class_that_is_not_trained_on_is_refused(tmp_path):
    folder = write_folder(tmp_path / "shapes")
    (folder / "train" / "left").rename(folder / "train" / "other")
    with pytest.raises(CorruptFileError, match="not trained on: left"):
        find_images(folder)


def cifar_folder(folder, rng, count=4):
    folder.mkdir()
    pixels = rng.integers(0, 256, (6, count, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, (6, count), dtype=np.uint8)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    for name, p, label in zip(names, pixels, labels, strict=True):
        rows = np.concatenate([label[:, None], p.reshape(count, -1)], axis=1)
        (folder / name).write_bytes(rows.tobytes())
    return pixels, labels


def test_cifar_binary(tmp_path):
    pixels, labels = cifar_folder(tmp_path / "c", np.random.default_rng(0))
    found = find_images(tmp_path / "c")
    assert len(found.train) == 20 and len(found.test) == 4
    assert np.array_equal(found.train.read(5), pixels[1, 1].transpose(1, 2, 0))
    assert found.train.labels[5] == labels[1, 1]
    (tmp_path / "c" / "data_batch_2.bin").unlink()
    (tmp_path / "c" / "test_batch.bin").write_bytes(b"x" * 100)
    with pytest.raises(CorruptFileError, match=r"data_batch_2.*missing.*test_batch.*100 bytes"):
        find_images(tmp_path / "c")


def idx_bytes(array):
    head = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def test_idx_files_of_the_distribution(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("t10k", 10)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = tmp_path / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(idx_bytes(array)))
    monkeypatch.setattr(find, "FASHION_FOLDER", tmp_path)
    found = find_images("fashion-mnist")
    assert found.classes[9] == "ankle boot" and found.train.read(3).shape == (28, 28, 3)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(CorruptFileError, match=r"truncated.*t10k-labels-idx1-ubyte.*missing"):
        find_images("fashion-mnist")


def test_an_archive_with_objects_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.array([object()]), y_train=np.zeros(1))
    with pytest.raises(CorruptFileError, match="not a readable npz"):
        find_images(tmp_path / "a.npz")


def test_digits_come_with_a_package():
    found = find_images("digits")
    found.check()
    assert len(found.train) + len(found.test) == 1797 and not found.mirrored
    assert found.train.read(0).shape == (8, 8, 3)


def test_batches_are_settled_by_seed_and_step(tmp_path):
    images = find_images(write_folder(tmp_path / "shapes"))
    one, two = source(images), source(images)
    for step in (0, 3, 20):
        a, b = one.batch(step), two.batch(step)
        assert torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)
    part = one.batch(3, slice(2, 4))
    assert torch.equal(part.images, one.batch(3).images[2:])
    other = ImageSource(images, one.settings, 16, 16, 10, seed=1)
    assert not torch.equal(other.batch(3).images, a.images)
    assert one.batch(0).images.shape == (4, 3, 16, 16)


def test_held_out_images_are_not_trained_on(tmp_path):
    images = find_images(write_folder(tmp_path / "shapes"))
    made = source(images, held_out=0.25, augment={"crop": "none", "flip": False})
    held = {image.numpy().tobytes() for image in made.held_out(99).images}
    steps = range(2 * len(made.train) // 4)
    trained = {image.numpy().tobytes() for step in steps for image in made.batch(step).images}
    assert len(held) == 9 and len(trained) == 27 and not held & trained


def test_few_held_out_images_are_of_all_classes(tmp_path):
    images = find_images(write_folder(tmp_path / "shapes"))
    assert sorted(spread(images.train, 6).labels) == [0, 0, 1, 1, 2, 2]


def test_more_classes_than_outputs_are_refused(tmp_path):
    images = find_images(write_folder(tmp_path / "shapes"))
    with pytest.raises(UserError, match="3 classes, the network has 2 outputs"):
        ImageSource(images, tiny_image_settings(), 16, 16, 2)


def test_images_of_any_shape_fill_the_input():
    rng = np.random.default_rng(0)
    for shape in ((8, 8, 3), (40, 20, 3), (16, 33, 3)):
        assert fitted(rng.integers(0, 256, shape, dtype=np.uint8), 16, 24).shape == (16, 24, 3)


@pytest.mark.parametrize("crop", ["pad", "resized", "none"])
def test_crops_have_the_input_s_size(crop):
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    how = AugmentSection(crop=crop, light=0.4, erase=6)
    generator = torch.Generator().manual_seed(0)
    found = [augmented(image, 16, 24, how, generator, mirrored=True) for _ in range(20)]
    assert {f.shape for f in found} == {(16, 24, 3)}
    assert {f.dtype for f in found} == {np.dtype("u1")}
    assert len({f.tobytes() for f in found}) == 20


def test_digits_are_never_mirrored():
    image = picture(0, np.random.default_rng(0), size=16)
    how, generator = AugmentSection(crop="none"), torch.Generator().manual_seed(0)
    for mirrored, kinds in ((True, 2), (False, 1)):
        found = {augmented(image, 16, 16, how, generator, mirrored=mirrored).tobytes()
                 for _ in range(30)}
        assert len(found) == kinds
