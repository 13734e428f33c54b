"""Reads and writes tables of networks by devices that users bring."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luts.errors import CorruptFileError, UserError
from luts.files import atomic_path
from predictor._positive import positive
from predictor.extremes import Floats

_DESCRIBES = "x:"


@dataclass(frozen=True)
class NetworkTable:
    """Networks by devices.

    Attributes:
        networks: name of each network.
        devices: name of each device.
        latency_ms: shape ``(networks, devices)``; NaN where nothing was measured.
        encoding: description of the networks, shape ``(networks, features)``, or None.
    """

    networks: list[str]
    devices: list[str]
    latency_ms: Floats
    encoding: Floats | None

    def known_of(self, device: str) -> tuple[list[str], Floats]:
        """The other devices, and their latencies.

        Raises:
            UserError: the device has no column, no other has one, or one of those has gaps.
        """
        if device not in self.devices:
            raise UserError(
                f"no column '{device}'; the file has: {', '.join(self.devices) or 'no devices'}. "
                "A device without measurements needs an empty column"
            )
        place = self.devices.index(device)
        others = [name for name in self.devices if name != device]
        known_ms = np.delete(self.latency_ms, place, axis=1)
        if not others:
            raise UserError(f"'{device}' is the only device; a transfer needs another one")
        for name, column in zip(others, known_ms.T, strict=True):
            gaps = int(np.isnan(column).sum())
            if gaps:
                raise UserError(
                    f"{gaps} of {len(column)} networks lack a latency on '{name}'; a known device "
                    "needs all of them: fill or remove its column"
                )
        return others, known_ms


def read_table(path: Path) -> NetworkTable:
    """Reads CSV, or TSV by its suffix: a name, columns ``x:...`` that describe, and devices.

    Columns that begin with ``x:`` describe the architecture, by numbers or by words; all others
    are devices, with latencies in ms, empty where nothing was measured.

    Raises:
        UserError: no such file, or no networks in it.
        CorruptFileError: a row of another length, or a latency that is not a positive number.
    """
    if not path.is_file():
        raise UserError(f"no file '{path}'; wanted CSV or TSV: network, devices in ms")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorruptFileError(f"'{path}' is not a text table ({error})") from None
    if len(rows) < 2 or len(rows[0]) < 2:
        raise UserError(
            f"'{path}' holds {max(len(rows) - 1, 0)} networks; wanted a header and rows"
        )
    header, body = [title.strip() for title in rows[0]], rows[1:]
    if len(set(header)) < len(header):
        raise CorruptFileError(f"'{path}': two columns have the same name")
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise CorruptFileError(
                f"'{path}' line {number} has {len(row)} cells, the header has {len(header)}"
            )
    describing = [i for i, title in enumerate(header) if i and title.startswith(_DESCRIBES)]
    devices = [i for i in range(1, len(header)) if i not in describing]
    latency_ms = np.array([
        [_latency(path, number, header[i], row[i]) for i in devices]
        for number, row in enumerate(body, start=2)
    ]).reshape(len(body), len(devices))  # fmt: skip
    columns = [_described([row[i].strip() for row in body]) for i in describing]
    return NetworkTable(
        [row[0] for row in body],
        [header[i] for i in devices],
        latency_ms,
        np.column_stack(columns) if columns else None,
    )


def write_predictions(
    path: Path,
    names: list[str],
    columns: dict[str, Floats | list[str]],
    *,
    what: str = "network",
) -> None:
    """Writes one row per network or operator; TSV by its suffix, else CSV."""
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        writer.writerow([what, *columns])
        for row in zip(names, *columns.values(), strict=True):
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in row])


def _latency(path: Path, number: int, device: str, text: str) -> float:
    if not text.strip():
        return math.nan
    value = positive(text)
    if value is None:
        raise CorruptFileError(
            f"'{path}' line {number}: '{text}' on '{device}' is not a latency in ms; wanted a "
            "number above 0, or nothing"
        )
    return value


def _described(texts: list[str]) -> Floats:
    """Standardised numbers, or a column per word; shape ``(networks, columns)``."""
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        words = sorted(set(texts))
        return np.array([[float(text == word) for word in words] for text in texts])
    if not np.isfinite(values).all():
        raise CorruptFileError("a column that describes networks holds a value that is not finite")
    spread = values.std()
    standard = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return np.asarray(standard[:, None])
