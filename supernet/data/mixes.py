"""Mixes of data sets that a stage trains on; a recipe's ``data`` section names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from luts.errors import UnknownNameError, UserError
from supernet.data.augment import Augmentation
from supernet.data.collection import DataSet, check_pairs
from supernet.data.layouts import LAYOUTS
from supernet.data.pairs import PairFiles

OWN = "own"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MixPart(_Section):
    """One data set of a mix.

    Attributes:
        set: name of a layout, such as ``kitti``.
        group: part of the data set, such as Sintel's ``clean`` (None: all).
        repeat: how often each pair comes in one round.
        split: ``train`` leaves held-out pairs out, ``all`` takes them too.
        scale: range of the logarithm (base 2) of the scale.
        flip: whether pairs are mirrored.
    """

    set: str
    group: str | None = None
    repeat: int = Field(default=1, ge=1)
    split: Literal["train", "all"] = "train"
    scale: tuple[float, float] = (-0.2, 0.6)
    flip: bool = True

    @model_validator(mode="after")
    def _known(self) -> MixPart:
        if self.set not in LAYOUTS:
            raise ValueError(f"unknown data set '{self.set}'; known: {', '.join(LAYOUTS)}")
        if not self.scale[0] <= self.scale[1]:
            raise ValueError("scale is the smaller, then the larger logarithm")
        return self


class Mix(_Section):
    """What a stage trains on.

    Attributes:
        crop: rows and columns that networks see; both divisible by 8.
        parts: data sets.
    """

    crop: tuple[int, int]
    parts: tuple[MixPart, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Mix:
        if any(side < 64 or side % 8 for side in self.crop):
            raise ValueError("crop is rows and columns, both divisible by 8 and at least 64")
        return self

    def augmentation(self, part: MixPart) -> Augmentation:
        """How pairs of a part are changed."""
        return Augmentation(*self.crop, *part.scale, flip=part.flip)


def find_mix(recipe: str, section: dict[str, Any], name: str) -> Mix:
    """A mix of a recipe.

    Args:
        recipe: its name, for messages.
        section: its ``data`` section.
        name: of the mix.

    Raises:
        UnknownNameError: no such mix.
        UserError: a field is unknown or wrong; the message names it.
    """
    if name not in section:
        raise UnknownNameError(f"data of recipe {recipe}", name, section)
    try:
        return Mix.model_validate(section[name])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(["data", name, *(str(part) for part in first["loc"])])
        raise UserError(f"recipe {recipe}: {place} = {first['input']!r}: {first['msg']}") from None


def mix_of_all(sets: Sequence[DataSet], height: int, width: int) -> Mix:
    """Every data set of a folder, each pair once; KITTI and HD1K are not mirrored, as in RAFT."""
    names = sorted({held.layout.name for held in sets})
    return Mix(
        crop=(height, width),
        parts=tuple(MixPart(set=name, flip=name not in ("kitti", "hd1k")) for name in names),
    )


def check_mixes(mixes: Sequence[Mix], sets: Sequence[DataSet], folder: Path) -> None:
    """Looks for everything that mixes need, before any of it is used.

    Args:
        mixes: of all stages.
        sets: that the folder holds.
        folder: for messages.

    Raises:
        UserError: data sets are missing (all are named), or a part has no pair to train on.
        CorruptFileError: files are missing or broken.
    """
    there = {one.layout.name for one in sets}
    missing = sorted({part.set for mix in mixes for part in mix.parts} - there)
    if missing:
        shapes = "; ".join(f"{name}: {LAYOUTS[name].shape}" for name in missing)
        raise UserError(
            f"'{folder}' lacks {', '.join(missing)} ({shapes}); it holds {', '.join(sorted(there))}"
        )
    needed: dict[PairFiles, None] = {}
    for mix in mixes:
        for part in mix.parts:
            pairs = pairs_of(part, sets)
            if not pairs:
                where = f"{part.set} {part.group or ''}".rstrip()
                raise UserError(f"'{folder}' holds no pair of {where} to train on")
            needed |= dict.fromkeys(pairs)
        needed |= dict.fromkeys(held_out(mix, sets))
    check_pairs(list(needed), folder)


def pairs_of(part: MixPart, sets: Sequence[DataSet]) -> list[PairFiles]:
    """The pairs that a part of a mix trains on."""
    return [
        pair for one in sets if one.layout.name == part.set for pair in one.pairs
        if part.group in (None, pair.group) and (part.split == "all" or pair.split == "train")
    ]


def held_out(mix: Mix, sets: Sequence[DataSet]) -> list[PairFiles]:
    """Pairs of the mix's data sets that no part of it trains on."""
    taken = {part.set for part in mix.parts if part.split == "all"}
    groups = {(part.set, part.group) for part in mix.parts if part.set not in taken}
    return [
        pair for one in sets for pair in one.pairs
        if pair.split == "val" and groups & {(one.layout.name, g) for g in (None, pair.group)}
    ]
