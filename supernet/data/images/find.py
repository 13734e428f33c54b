"""Image sets by name or by the place where they lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from luts.errors import UserError
from supernet.data.images.binary import CIFAR10_TRAIN, cifar10, cifar100, idx_set, npz_set
from supernet.data.images.folders import Folder, ZipPlace, by_class
from supernet.data.images.sets import ArrayImages, ImageSet

NAMED = ("digits", "fashion-mnist")
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package ``dataset-fashion-mnist`` puts its files."""
_FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
            "ankle boot")
_SHAPES = ("CLASS/image; train/CLASS/image and test/CLASS/image; a .zip of either; CIFAR's binary "
           "files; IDX files; an .npz with x_train, y_train, x_test, y_test")
_TEST_EVERY = 5
_DIGITS = ("CC BY 4.0, E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI "
           "Machine Learning Repository")


def find_images(given: str | Path) -> ImageSet:
    """The image set of a name or place, not checked yet.

    Args:
        given: one of `NAMED`, or a folder, zip file or npz archive.

    Raises:
        UserError: nothing is there, or nothing of a known layout; the message shows the layouts.
        CorruptFileError: files of a known layout are missing or broken; all are named.
    """
    if given == "digits":
        return digits()
    if given == "fashion-mnist":
        return fashion_mnist()
    place = Path(given)
    if not place.exists():
        raise UserError(f"no image set '{given}'; give a folder or one of {', '.join(NAMED)}")
    found = _in_folder(place) if place.is_dir() else _in_file(place)
    if found is None:
        raise UserError(f"'{place}' holds no images in a known layout ({_SHAPES})")
    return found


def _in_file(path: Path) -> ImageSet | None:
    if path.suffix == ".npz":
        return npz_set(path)
    return by_class(path.stem, ZipPlace(path)) if path.suffix == ".zip" else None


def _in_folder(folder: Path) -> ImageSet | None:
    names = {path.name for path in folder.iterdir()}
    if names & set(CIFAR10_TRAIN):
        return cifar10(folder)
    if {"train.bin", "test.bin"} <= names:
        return cifar100(folder)
    if any(name.startswith("train-images-idx3-ubyte") for name in names):
        return idx_set(folder, folder.name)
    found = by_class(folder.name, Folder(folder))
    files = sorted(path for path in folder.iterdir() if path.suffix in (".zip", ".npz"))
    return found if found is not None or len(files) != 1 else _in_file(files[0])


def digits() -> ImageSet:
    """The handwritten digits that ship with scikit-learn: 1,797 images of 8 x 8.

    Every fifth image is the test part (our split; the data set has none).
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    # Values are 0 to 16.
    pixels = np.minimum(np.round(data.images * (255 / 16)), 255).astype(np.uint8)
    test = np.arange(len(pixels)) % _TEST_EVERY == 0
    train, held = (ArrayImages(pixels[m], data.target[m]) for m in (~test, test))
    return ImageSet("digits", tuple("0123456789"), train, held, mirrored=False, licence=_DIGITS)


def fashion_mnist() -> ImageSet:
    """Fashion-MNIST (Xiao et al., 2017) as Debian installs it.

    Raises:
        UserError: the package is not installed.
    """
    if not FASHION_FOLDER.is_dir():
        raise UserError(f"image set 'fashion-mnist' is not in {FASHION_FOLDER}; install it with: "
                        "apt install dataset-fashion-mnist")
    found = idx_set(FASHION_FOLDER, "fashion-mnist", _FASHION)
    return replace(found, licence="MIT, Zalando SE")
