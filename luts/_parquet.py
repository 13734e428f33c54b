"""Rows of a latency table as Parquet files, with their schema checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luts.errors import CorruptFileError
from luts.files import atomic_path

if TYPE_CHECKING:
    import pyarrow as pa


def write(path: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows under a fixed schema, atomically.

    Args:
        path: file to write.
        columns: column name to ``str``, ``int``, ``float`` or ``ints``.
        rows: one mapping per row.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([dict(row) for row in rows], schema=_schema(columns))
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def read(path: Path, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Reads rows back.

    Raises:
        CorruptFileError: absent, not Parquet, or of another schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # What reads data sets of many files takes long to load, and this is one file.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise CorruptFileError(f"{path} cannot be read ({error})") from None
    if not table.schema.equals(_schema(columns)):
        found = ", ".join(f"{field.name}: {field.type}" for field in table.schema)
        raise CorruptFileError(f"{path} has columns ({found}), wanted ({', '.join(columns)})")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _schema(columns: Mapping[str, str]) -> pa.Schema:
    import pyarrow as pa

    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(),
             "ints": pa.list_(pa.int64())}
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])
