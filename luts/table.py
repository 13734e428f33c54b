"""The LatencyTable: what each operator, and each whole network, took on one target."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from luts._by_operator import RowsByOperator
from luts._sheets import read_sheets, write_sheets
from luts.commands import build_command
from luts.errors import CorruptFileError, UserError
from luts.operator import Operator, PlacedOperator
from luts.records import FORMAT, Drawn, Drift, LatencyRow, NetworkSample, TableInfo
from luts.sealed import read_sealed

__all__ = ["FEWEST_NETWORKS", "SIDECAR", "Drawn", "Drift", "LatencyRow", "LatencyTable",
           "NetworkSample", "TableInfo"]

SIDECAR = "table.json"
FEWEST_NETWORKS = 40
"""Distinct networks beside the reference without which nothing is learned from a table."""
_ROWS, _NETWORKS = "table.parquet", "networks.parquet"
_ROW_COLUMNS = {"operator": "str", "latency_ms": "float", "p10_ms": "float", "p90_ms": "float",
                "contexts": "int", "samples": "int"}
_NETWORK_COLUMNS = {"vector": "ints", "latency_ms": "float", "p10_ms": "float", "p90_ms": "float",
                    "samples": "int", "order": "int", "drawn": "str", "unattributed_ms": "float",
                    "discarded": "int", "session_ms": "float",
                    "slowness": "float", "load": "float",
                    "frequency_mhz": "float", "temperature_c": "float", "power_w": "float",
                    "energy_mj": "float"}


class LatencyTable(RowsByOperator[LatencyRow]):
    """Operators and whole networks with their latency on one target; immutable.

    Args:
        info: provenance; ``rows`` and ``networks`` are filled in.
        rows: one per operator.
        networks: end-to-end samples, in order of measurement.

    Raises:
        UserError: an operator occurs twice, or a latency is not finite and positive.
    """

    def __init__(
        self, info: TableInfo, rows: Sequence[LatencyRow], networks: Sequence[NetworkSample]
    ) -> None:
        super().__init__(rows)
        self.networks = tuple(networks)
        self.info = info.model_copy(update={"rows": len(rows), "networks": len(networks)})
        items: tuple[LatencyRow | NetworkSample, ...] = (*self.rows, *self.networks)
        for item in items:
            if not all(math.isfinite(ms) and ms > 0
                       for ms in (item.latency_ms, item.p10_ms, item.p90_ms)):
                raise UserError(f"latencies must be finite and above 0 ms, got {item}")

    def _described(self) -> str:
        return f"the table of '{self.info.recipe}' on '{self.info.target}'"

    def _remedy(self) -> str:
        command = build_command(self.info.target, self.info.recipe)
        return f"measure the space again: {command} --force"

    def latency_ms(self, operators: Sequence[PlacedOperator]) -> float:
        """Additive estimate of a whole network: rows times repeats, plus ``info.overhead_ms``.

        Raises:
            MissingOperatorError: an operator was not measured.
        """
        total = math.fsum(self[p.operator].latency_ms * p.repeats for p in operators)
        return total + self.info.overhead_ms

    @cached_property
    def identity(self) -> str:
        """Hex digest over all rows and network samples, the same before and after `save`."""
        content = json.dumps(self._content(), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def _content(self) -> list[list[dict[str, Any]]]:
        rows = [{**asdict(row), "operator": row.operator.key} for row in self.rows]
        return [rows, [asdict(sample) for sample in self.networks]]

    def save(self, folder: Path) -> None:
        """Writes the two Parquet files, then the sidecar that vouches for them.

        Raises:
            UserError: the folder cannot be written.
        """
        rows, networks = self._content()
        digests = write_sheets(folder, {
            _ROWS: (_ROW_COLUMNS, rows), _NETWORKS: (_NETWORK_COLUMNS, networks)})
        info = self.info.model_copy(update={"content_sha256": digests})
        self.info = info.write(folder / SIDECAR)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads a table and checks it.

        Raises:
            UserError: there is none in that folder.
            CorruptFileError: a file is truncated, edited, or of another format.
        """
        again = "measure again with python -m profiler.build_lut --force"
        info = read_sealed(folder / SIDECAR, TableInfo, format=FORMAT, what="a latency table",
                           again=again)
        sheets = {_ROWS: _ROW_COLUMNS, _NETWORKS: _NETWORK_COLUMNS}
        found = read_sheets(folder, sheets, info.content_sha256, again=again)
        rows, networks = [_row(r) for r in found[0]], [_network(r) for r in found[1]]
        if (len(rows), len(networks)) != (info.rows, info.networks):
            raise CorruptFileError(f"{folder} holds {len(rows)} rows, its sidecar says {info.rows}")
        try:
            return cls(info, rows, networks)
        except UserError as error:
            raise CorruptFileError(f"{folder}: {error}") from None


def _row(record: dict[str, Any]) -> LatencyRow:
    return LatencyRow(**{**record, "operator": Operator.parse(record["operator"])})


def _network(record: dict[str, Any]) -> NetworkSample:
    vector = record["vector"]
    return NetworkSample(**{**record, "vector": None if vector is None else tuple(vector)})
