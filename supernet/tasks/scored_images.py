"""The images that networks of classification are scored on: as trained, and found again later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from luts.errors import CorruptFileError, UserError
from supernet.data.images.source import ImageSource
from supernet.space import SearchSpace
from supernet.training.checkpoint import load_checkpoint
from supernet.training.common import checked
from supernet.training.image_settings import ImageSettings
from supernet.training.image_stage import open_images, outputs_of, trained_with
from supernet.weights import weights_path

SETTINGS, DATA, DIGEST = "settings", "data", "images_sha256"


def trained_source(
    space: SearchSpace, weights: Path | None, network: str = "supernet"
) -> ImageSource:
    """The images that a network was trained on, as its training saw them.

    Args:
        space: its name is the recipe's.
        weights: folder of the training (None: shipped weights, of the recipe's own data).
        network: ``reference``, ``supernet`` or the name of a stand-alone one.

    Raises:
        UserError: the images are no longer there, or are others.
    """
    settings, place = trained_with(space, weights, network)
    source = _source(space, settings, place)
    path = weights_path(space.name, network, weights)
    held = load_checkpoint(path, recipe=space.name, network=network).identity
    if source.identity[DIGEST] != held[DIGEST]:
        raise UserError(f"the images of '{place or settings.data}' are not those that '{path}' was "
                        "trained on")
    return source


def note_of(source: ImageSource, place: Path | None) -> dict[str, Any]:
    """What `noted_source` finds the same images by; plain JSON.

    Args:
        source: the images.
        place: where they lie (None: the named set).
    """
    return {SETTINGS: source.settings.model_dump(mode="json"),
            DATA: None if place is None else str(place), DIGEST: source.identity[DIGEST]}


def noted_source(
    space: SearchSpace, note: Mapping[str, Any], data: Path | None = None
) -> ImageSource:
    """The images of a note.

    Args:
        space: its name is the recipe's.
        note: of `note_of`.
        data: where the images lie now (None: where they were).

    Raises:
        UserError: there is no note, or the images are not there, or are others.
        CorruptFileError: the note is damaged, or images are.
    """
    if not note:
        raise UserError("the run kept no note of the images that it was scored on: it is of an "
                        "older version; search again")
    missing = [name for name in (SETTINGS, DATA, DIGEST) if name not in note]
    if missing:
        raise CorruptFileError(f"the run's note of its images has no '{missing[0]}'")
    settings = checked(ImageSettings, space.name, note[SETTINGS])
    place = data or (None if note[DATA] is None else Path(note[DATA]))
    try:
        source = _source(space, settings, place)
    except CorruptFileError:
        raise
    except UserError as error:
        raise UserError(f"{error}; name the place of the run's images with --data") from None
    if source.identity[DIGEST] != note[DIGEST]:
        raise UserError(f"the images of '{place or settings.data}' are not those that the run was "
                        "scored on; name their place with --data")
    return source


def _source(space: SearchSpace, settings: ImageSettings, place: Path | None) -> ImageSource:
    return ImageSource(open_images(settings, place), settings, space.input_height,
                       space.input_width, outputs_of(space))
