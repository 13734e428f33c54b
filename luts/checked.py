"""JSON files that hold one record, whose fields are checked when it is read back."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from luts.errors import CorruptFileError
from luts.files import read_json

_Record = TypeVar("_Record", bound=BaseModel)


def read_record(path: Path, record: type[_Record]) -> _Record:
    """Reads a record.

    Args:
        path: its file.
        record: what it should be.

    Raises:
        UserError: there is no such file.
        CorruptFileError: it is not JSON, or a field is missing, unknown or wrong.
    """
    raw = read_json(path)
    try:
        return record.model_validate(raw)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise CorruptFileError(f"{path}: {field} is damaged") from None
