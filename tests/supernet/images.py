"""Small image sets on disk, and trainings of seconds on them."""

import numpy as np
from PIL import Image

from supernet.training.common import checked
from supernet.training.image_settings import ImageSettings

CLASSES = ("left", "right", "upper")


def picture(label, rng, size=12):
    """A bright half or stripe, so that a class can be seen."""
    image = rng.integers(0, 60, (size, size, 3), dtype=np.uint8)
    part = {0: np.s_[:, : size // 2], 1: np.s_[:, size // 2 :], 2: np.s_[: size // 2]}[label]
    image[part] += 150
    return image


def write_folder(folder, *, each=12, parts=("train", "test"), seed=0):
    rng = np.random.default_rng(seed)
    for part in parts:
        for label, name in enumerate(CLASSES):
            place = folder / part / name
            place.mkdir(parents=True)
            for index in range(each):
                Image.fromarray(picture(label, rng)).save(place / f"{index:03d}.png")
    return folder


def tiny_image_settings(**changes):
    fields = {
        "steps": 4, "batch": 4, "precision": "fp32", "validation_images": 8,
        "calibration_images": 8, "sandwich": {"largest": False, "smallest": False, "random": 1},
        "optimiser": "sgd", "learning_rate": 0.1, **changes,
    }
    return checked(ImageSettings, "bn-nas-small", fields)
