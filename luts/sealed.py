"""Sidecars that vouch for themselves and for the files beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from luts.errors import CorruptFileError
from luts.files import read_json, sha256, write_json


class Sealed(BaseModel):
    """A record whose file shows whether it was edited.

    Attributes:
        sealed_sha256: digest of this record without this field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sealed_sha256: str = ""

    def seal(self) -> str:
        """Hex digest of everything else in the record."""
        body = self.model_dump(mode="json", exclude={"sealed_sha256"})
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    def write(self, path: Path) -> Self:
        """Writes the record, sealed; returns it as it was written."""
        record = self.model_copy(update={"sealed_sha256": self.seal()})
        write_json(path, record.model_dump(mode="json"))
        return record


_Record = TypeVar("_Record", bound=Sealed)


def read_sealed(
    path: Path, record: type[_Record], *, format: int, what: str, again: str
) -> _Record:
    """Reads a sealed record.

    Args:
        path: its file.
        record: what it should be.
        format: format that this version writes.
        what: the same in words, such as ``a predictor``.
        again: what to do where it is no good, such as ``fit it again``.

    Raises:
        UserError: there is no such file.
        CorruptFileError: it is truncated, edited, or of another format.
    """
    raw = read_json(path)
    if not isinstance(raw, dict) or raw.get("format") != format:
        raise CorruptFileError(f"{path} is not {what} of format {format}; {again}")
    try:
        found = record.model_validate(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise CorruptFileError(
            f"{path} does not describe {what} ({place}: {problem['msg']}); {again}"
        ) from None
    if found.sealed_sha256 != found.seal():
        raise CorruptFileError(f"{path} was edited after it was written; {again}")
    return found


def check_files(folder: Path, digests: Mapping[str, str | None], *, again: str) -> None:
    """Compares files with the digests that a sealed record holds.

    Args:
        folder: where they lie.
        digests: name to hex digest; None where the record holds none.
        again: what to do where one is no good.

    Raises:
        CorruptFileError: a file is absent, truncated or edited.
    """
    for name, wanted in digests.items():
        path = folder / name
        if not path.is_file() or sha256(path) != wanted:
            raise CorruptFileError(f"{path} is absent, truncated or edited; {again}")
