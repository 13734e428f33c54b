"""The training section of a recipe of classification."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from supernet.training.common import CommonSettings, SandwichSettings, Section
from supernet.training.pruning_settings import PruningSettings


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


class ParsecSettings(Section):
    """A distribution over architectures that is learned with the weights (`training.parsec`).

    Attributes:
        samples: architectures of a step (PARSEC: 16; 0 and ``per_nat`` 0: no such distribution).
        per_nat: architectures per nat of the distribution's entropy, at least one (FP-NAS: 1/4).
        likelihood: of the search half: ``sum`` over images as PARSEC's formula reads, or ``mean``;
            the paper does not tell, and the sum is very sharp for large batches.
        temperature: that log-likelihoods are divided by.
        rate: learning rate of the logits over that of the weights.
        beta1: of the logits' Adam (PARSEC: 0.5).
        joint_from: share of the training after which decisions of a group are learned together
            (FP-NAS's switch; 0: always, 1: never). Before it they are independent.
        cost: weight of the cost of samples above the target (FP-NAS's beta).
        target_gflops: that target, of the whole network (None: ``prices`` says it, or no cost).
        prices: file of `evolution.prices`; samples above its limits, such as a latency, cost
            something. Its digest is part of a training's identity, its place is not.
    """

    samples: int = Field(default=0, ge=0)
    per_nat: float = Field(default=0.0, ge=0)
    likelihood: Literal["sum", "mean"] = "sum"
    temperature: float = Field(default=1.0, gt=0)
    rate: float = Field(default=1.0, gt=0)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    joint_from: float = Field(default=0.0, ge=0, le=1)
    cost: float = Field(default=0.0, ge=0)
    target_gflops: float | None = Field(default=None, gt=0)
    prices: Path | None = Field(default=None, exclude=True)

    @property
    def used(self) -> bool:
        """Whether there is a distribution to learn."""
        return self.samples > 0 or self.per_nat > 0

    def count(self, entropy: float) -> int:
        """Architectures of a step at an entropy in nats."""
        return max(1, round(self.per_nat * entropy)) if self.per_nat > 0 else self.samples


class RuleSection(Section):
    """A training rule by its name (`supernet.training.supernet_rules`).

    Attributes:
        name: of the rule.
        settings: its own; it checks them.
    """

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)


class ImageSettings(CommonSettings):
    """See `CommonSettings`; here is what classification adds.

    Attributes:
        data: ``digits``, ``fashion-mnist``, or ``own``: what ``--data`` names, which goes before.
        label_smoothing: share of the target that is spread over all classes.
        held_out: share of the training images that scores architectures and is not trained on.
        validation_images: at most so many of them.
        calibration_images: training images that settle the batch norms of each architecture.
        trained: ``all``, or ``indicator``: only the affine parameters of the norms that the
            space's indicator reads; everything else keeps its random weights (BN-NAS).
        augment: crops and the like.
        distil: learning from the reference; the reference itself does not.
        parsec: a distribution over architectures in place of the sandwich.
        pruning: a space that shrinks while classes are added, in place of either.
        rule: another training rule, in place of all three.
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
    parsec: ParsecSettings = ParsecSettings()
    pruning: PruningSettings = PruningSettings()
    rule: RuleSection | None = None

    @property
    def rule_name(self) -> str:
        """Of the training rule that a supernet follows."""
        if self.rule is not None:
            return self.rule.name
        return "pruning" if self.pruning.used else "parsec" if self.parsec.used else "sandwich"

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.rule is not None and (self.pruning.used or self.parsec.used):
            raise ValueError(f"rule {self.rule.name} is in place of pruning and parsec")
        if self.rule is not None and self.rule.name in ("parsec", "pruning"):
            raise ValueError(f"rule {self.rule.name} has a section of its own, '{self.rule.name}'")
        used = {"pruning": self.pruning.used, "parsec": self.parsec.used,
                "distil": self.distil.weight > 0,
                "trained = 'indicator'": self.trained == "indicator"}
        own, *others = [name for name, wanted in used.items() if wanted] or [""]
        if own in ("pruning", "parsec") and others:
            raise ValueError(f"{own} has a rule of its own, without {' and '.join(others)}")
        return self
