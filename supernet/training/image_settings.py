"""The training section of a recipe of classification."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from supernet.training.common import CommonSettings, SandwichSettings, Section


class AugmentSection(Section):
    """What training images go through.

    Attributes:
        crop: ``pad`` shifts by up to ``pad`` pixels, ``resized`` scales a random window to the
            network's input, ``none`` leaves the middle.
        pad: largest shift in pixels.
        smallest_area: of such a window, as a share of the image.
        flip: mirror half of the images, where mirror images belong to the same class.
        light: largest relative change of brightness and contrast.
        erase: side in pixels of a grey square (Cutout; 0: none).
    """

    crop: Literal["pad", "resized", "none"] = "pad"
    pad: int = Field(default=4, ge=0)
    smallest_area: float = Field(default=0.25, gt=0, le=1)
    flip: bool = True
    light: float = Field(default=0.0, ge=0, lt=1)
    erase: int = Field(default=0, ge=0)


class DistilSettings(Section):
    """Learning from a trained reference's probabilities (Hinton et al., 2015).

    Attributes:
        weight: share of the loss that it makes up; 0 switches it off.
        temperature: that both networks' logits are divided by.
    """

    weight: float = Field(default=0.0, ge=0, le=1)
    temperature: float = Field(default=4.0, gt=0)


class ImageSettings(CommonSettings):
    """See `CommonSettings`; here is what classification adds.

    Attributes:
        data: ``digits`` or ``fashion-mnist``; ``--data`` names any other set.
        label_smoothing: share of the target that is spread over all classes.
        held_out: share of the training images that scores architectures and is not trained on.
        validation_images: at most so many of them.
        calibration_images: training images that settle the batch norms of each architecture.
        trained: ``all``, or ``indicator``: only the affine parameters of the norms that the
            space's indicator reads; everything else keeps its random weights (BN-NAS).
        augment: crops and the like.
        distil: learning from the reference; the reference itself does not.
    """

    examples: ClassVar[str] = "images"
    figure: ClassVar[str] = "error"

    data: str = "digits"
    steps: int = Field(default=3000, gt=0)
    batch: int = Field(default=64, gt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    held_out: float = Field(default=0.1, gt=0, lt=1)
    validation_images: int = Field(default=1000, gt=0)
    calibration_images: int = Field(default=256, gt=0)
    trained: Literal["all", "indicator"] = "all"
    sandwich: SandwichSettings = SandwichSettings(largest=False, smallest=False)
    augment: AugmentSection = AugmentSection()
    distil: DistilSettings = DistilSettings()
