"""Puts together what one stage of classification trains: network, rule, data, held-out images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

from luts.errors import UserError
from luts.files import read_facts, sha256, writable_folder, write_json
from luts.spaces import load_space
from supernet.candidates import Candidate
from supernet.data.images.find import find_images
from supernet.data.images.sets import ImageSet
from supernet.data.images.source import ImageBatch, ImageSource
from supernet.data.loader import batches_of
from supernet.network import Network
from supernet.processes import is_first, own_part, process_count
from supernet.recalibrate import recalibrate
from supernet.tasks.labels import CHUNK, label_metrics, logits_of
from supernet.training.checkpoint import load_checkpoint
from supernet.training.class_order import class_errors, planned_growth
from supernet.training.common import checked
from supernet.training.image_settings import ImageSettings
from supernet.training.label_rules import LabelRule
from supernet.training.rules import StepRule
from supernet.training.run import DATA_FILE, RUN_FILE
from supernet.training.starting import Stage, Start, load_teacher, start_from
from supernet.training.supernet_rules import RuleParts, check_rule, make_rule
from supernet.weights import weights_path

if TYPE_CHECKING:
    from supernet.space import SearchSpace

OWN = "own"


def open_images(settings: ImageSettings, place: Path | None) -> ImageSet:
    """The image set of a stage, whole.

    Args:
        settings: training section; its ``data`` is a set's name.
        place: where the images lie (None: the named set).

    Raises:
        UserError: there is no such set, or the recipe names none and no place was given.
        CorruptFileError: files are missing or broken; all are counted.
    """
    if place is None and settings.data == OWN:
        raise UserError("this recipe trains on images of your own; name their place with --data")
    images = find_images(settings.data if place is None else place)
    images.check()
    return images


def make_image_stage(
    recipe: str, stage: str, folder: Path, settings: ImageSettings, seed: int,
    photo_folder: Path | None, *, device: torch.device | None = None, workers: int = 1,
    start: Start = None, teacher: Start = None, candidate: Candidate | None = None,
    data: Path | None = None,
) -> Stage:
    """Builds a stage; see `supernet.training.stage.make_stage` for the arguments.

    Raises:
        UserError: the images cannot be had, the teacher or the weights to start from are missing,
            photographs were given, which are for rendered data, or a network alone shall distil.
    """
    if photo_folder is not None:
        raise UserError(f"--photos {photo_folder}: recipe {recipe} renders nothing; give --data")
    if candidate is not None and settings.distil.weight > 0:
        raise UserError(f"training.distil.weight = {settings.distil.weight:g}: a network alone "
                        "has no teacher, the supernet has; leave it 0")
    own_part(settings.batch)
    space = cast("SearchSpace", load_space(recipe))
    place = device or torch.device("cpu")
    images = open_images(settings, data)
    growth = None
    if stage == "supernet" and settings.pruning.used:
        growth = planned_growth(settings, images, teacher or folder)
    source = ImageSource(images, settings, space.input_height, space.input_width,
                         outputs_of(space), seed, growth)
    extra = dict(source.identity)
    _remember(writable_folder(folder), data, extra["images_sha256"])
    if growth is not None:
        extra["class_order"] = list(growth.order)
    if place.type != "cpu":
        extra["device"] = torch.cuda.get_device_name(place)
    if stage == "reference" and process_count() == 1:  # several may train it, if not what follows
        check_rule(space, settings, folder)
    torch.manual_seed(seed)
    rule: StepRule
    if stage == "supernet":
        network = space.build_supernet().to(place)
        taught = None
        if settings.distil.weight > 0:
            taught, extra["teacher"] = load_teacher(space, teacher or folder)
            recalibrate(taught.to(place), source.calibration().to(place), chunk=CHUNK)
        rule = make_rule(RuleParts(space, network, settings, folder / stage, taught, growth))
        if settings.parsec.prices is not None:
            extra["prices"] = sha256(settings.parsec.prices)
    else:
        network = (space.build_reference() if candidate is None else candidate.build()).to(place)
        rule = LabelRule(network, settings)
    if candidate is not None and candidate.architecture is not None:
        extra["architecture"] = candidate.architecture.as_json()
    if start is not None:
        extra |= start_from(network, recipe, stage, start)

    @cache
    def held() -> tuple[ImageBatch, torch.Tensor]:
        return source.held_out().to(place), source.calibration().to(place)

    def validate() -> dict[str, float]:
        examples, calibration = held()
        if stage == "supernet":
            return {**_landmarks(space, network, rule, examples), **rule.held_out(examples)}
        recalibrate(network, calibration, chunk=CHUNK)
        logits = logits_of(network, examples.images)
        by_class = class_errors(logits, examples.labels) if settings.pruning.used else {}
        return {**label_metrics(logits, examples.labels), **by_class}

    def batches(first: int) -> Iterator[ImageBatch]:
        part = own_part(settings.batch)
        for batch in batches_of(source, first, settings.steps, workers, part):
            yield batch.to(place)

    return Stage(rule, batches, validate, extra)


def trained_with(
    space: SearchSpace, weights: Path | None, network: str = "supernet"
) -> tuple[ImageSettings, Path | None]:
    """How a network was trained, and where its images lie (None: a named set).

    Args:
        space: its name is the recipe's.
        weights: folder of the training (None: shipped weights, of a named set).
        network: ``reference``, ``supernet`` or the name of a stand-alone one.

    Raises:
        UserError: there are no such weights.
    """
    path = weights_path(space.name, network, weights)
    held = load_checkpoint(path, recipe=space.name, network=network).identity
    place = read_facts(weights / DATA_FILE, "data")["data"] if weights is not None else None
    settings = checked(ImageSettings, space.name, held["settings"])
    return settings, None if place is None else Path(place)


def outputs_of(space: SearchSpace) -> int:
    """Classes that a space's networks tell apart.

    Raises:
        UserError: it is no space of classifiers.
    """
    classes = getattr(space, "classes", None)
    if classes is None:
        raise UserError(f"space '{space.name}' has no classes: it is not for classification")
    return int(classes)


def _landmarks(
    space: SearchSpace, network: Network, rule: StepRule, held: ImageBatch
) -> dict[str, float]:
    """Errors of some architectures, with the statistics of each chunk of held-out images."""
    found = {}
    network.train()  # norms of momentum 0: the running statistics stay as they are
    for name, vector in rule.landmarks(space).items():
        space.activate(network, space.decode(vector))
        metrics = label_metrics(logits_of(network, held.images), held.labels)
        found[f"error_{name}"] = metrics["error"]
    return found


def _remember(folder: Path, data: Path | None, digest: object) -> None:
    """All networks of a folder are of the same images, so that one note serves them all."""
    for run in sorted(folder.glob(f"*/{RUN_FILE}")):
        if read_facts(run).get("images_sha256", digest) != digest:
            raise UserError(f"'{run.parent}' was trained on other images than these of "
                            f"'{data or 'the recipe'}'; give its --data, or another --out")
    if is_first():
        write_json(folder / DATA_FILE, {"data": None if data is None else str(data.resolve())})
