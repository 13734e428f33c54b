"""Which classes are easy: those that a reference network learned soonest.

DA-NAS (Dai et al., ECCV 2020, arXiv 2003.12563) observes that the order is much the same for
different networks, and ranks classes by one network's accuracies over its epochs. Its formula is
not known; see `PruningSettings.easiness`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from luts.errors import UserError
from luts.files import read_facts, read_records
from supernet.data.images.sets import ImageSet
from supernet.training.growth import Growth
from supernet.training.image_settings import ImageSettings
from supernet.training.pruning_settings import PruningSettings
from supernet.training.run import JOURNAL, RUN_FILE
from supernet.training.starting import Weights

_FIGURE = "error_of_class_{}"


def class_errors(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Percentage of each class's images that are taken for another class.

    Args:
        logits: (N, classes).
        labels: (N,).
    """
    missed = (logits.argmax(1) != labels).float()
    return {_FIGURE.format(each): 100 * float(missed[labels == each].mean())
            for each in sorted(set(labels.tolist()))}


def class_order(
    settings: PruningSettings, classes: int, digest: str, reference: Path
) -> tuple[int, ...]:
    """Indices of all classes, easy ones first; equally easy ones as they are numbered.

    Args:
        settings: what counts.
        classes: how many there are.
        digest: of the images.
        reference: folder of the trained reference, whose journal holds the errors by class.

    Raises:
        UserError: there is no such journal, it is of other images, or it has not ended.
    """
    if settings.order == "labels":
        return tuple(range(classes))
    path = reference / JOURNAL
    if not path.is_file():
        raise UserError(
            f"training.pruning.order = 'easy': no '{path}', which says what the reference learned "
            "first; train it with --network reference, or --set pruning.order=labels")
    trained = read_facts(reference / RUN_FILE, "images_sha256", "settings")
    if trained["images_sha256"] != digest:
        raise UserError(f"the reference in '{reference}' was trained on other images; "
                        " name one of these images with --teacher")
    records = read_records(path)
    done, steps = records[-1]["step"] if records else 0, trained["settings"]["steps"]
    if done < steps:
        raise UserError(f"the reference in '{reference}' is at step {done} of {steps}, and what it "
                        "learns soonest is not known before its end; --resume it first")
    names = [f"validation_{_FIGURE.format(index)}" for index in range(classes)]
    rows = [[record[name] for name in names] for record in records
            if all(name in record for name in names)]
    if not rows:
        raise UserError(f"'{path}' holds no errors of {classes} classes: train the reference with "
                        "this recipe, on the same images, each class with some that are held out")
    accuracy = 100 - np.array(rows, dtype=np.float64)
    # The distance from 100, not from its mean: that of a class never learned would be 0, too.
    easy = (accuracy.mean(axis=0) if settings.easiness == "mean"
            else -np.square(100 - accuracy).mean(axis=0))
    return tuple(np.argsort(-easy, kind="stable").tolist())


def planned_growth(settings: ImageSettings, images: ImageSet, trained: Weights) -> Growth:
    """Classes by step of a supernet.

    Args:
        settings: training section; has stages.
        images: what it is trained on.
        trained: training folder whose reference was trained.

    Raises:
        UserError: see `class_order` and `Growth.plan`.
    """
    if settings.pruning.order == "easy" and trained == "shipped":
        raise UserError("training.pruning.order = 'easy' needs the journal of the reference's "
                        "training, which shipped weights have not; name a folder with --teacher")
    folder = Path() if trained == "shipped" else trained
    order = class_order(settings.pruning, len(images.classes), images.train.digest(),
                        folder / "reference")
    return Growth.plan(settings.pruning, settings.steps, order)
