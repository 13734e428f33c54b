"""The table of a target on which nothing was measured; no `LatencyTable`, and never taken for one.

`luts.paths.find_table` does not find it, `LatencyTable.load` refuses it, and it has no latency of
networks that were measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from luts._by_operator import RowsByOperator
from luts._sheets import read_sheets, write_sheets
from luts.errors import CorruptFileError, UserError
from luts.fingerprint import digest
from luts.operator import Operator
from luts.records import Circumstances, NetworkSample
from luts.sealed import read_sealed

FORMAT = 1
SIDECAR = "estimated.json"
_ROWS = "estimated.parquet"
_COLUMNS = {"operator": "str", "device_ms": "float", "launches": "int"}


@dataclass(frozen=True, slots=True)
class EstimatedRow:
    """What one execution of an operator is expected to cost.

    Attributes:
        operator: what it is about.
        device_ms: time of its kernels on the device.
        launches: kernels that the host launches for it.
    """

    operator: Operator
    device_ms: float
    launches: int


class EstimateInfo(Circumstances):
    """Where an estimated table comes from.

    Attributes:
        kind: always ``estimated``.
        law: digest of the law behind it.
        evidence: measurements behind law and level, in words.
        evidenced: whether any of them were taken on this target.
        host_ms: time to launch one kernel from eager PyTorch; a replayed graph saves it.
        rows: operators; filled in.
        content_sha256: digest of the file of rows; filled by `EstimatedTable.save`.
    """

    format: int = FORMAT
    kind: Literal["estimated"] = "estimated"
    law: str
    evidence: str
    evidenced: bool
    host_ms: float = Field(gt=0, allow_inf_nan=False)
    rows: int = 0
    content_sha256: str = ""


class EstimatedTable(RowsByOperator[EstimatedRow]):
    """Operators with their estimated cost on one target; immutable.

    Attributes:
        networks: none, for none was measured.

    Args:
        info: where it comes from.
        rows: one per operator.

    Raises:
        UserError: an operator occurs twice, or a cost is not finite or below 0.
    """

    networks: tuple[NetworkSample, ...] = ()

    def __init__(self, info: EstimateInfo, rows: Sequence[EstimatedRow]) -> None:
        super().__init__(rows)
        self.info = info.model_copy(update={"rows": len(rows)})
        for row in self.rows:
            if not (math.isfinite(row.device_ms) and row.device_ms >= 0 and row.launches >= 0):
                raise UserError(f"costs must be finite and not below 0, got {row}")

    def _described(self) -> str:
        return f"the estimated table of '{self.info.recipe}' on '{self.info.target}'"

    def _remedy(self) -> str:
        return "estimate the space again"

    @cached_property
    def identity(self) -> str:
        """Hex digest over all rows and what they depend on; never that of a measured table."""
        info = self.info
        return digest([info.kind, info.target, info.precision, info.batch, info.law, info.host_ms,
                       self._records()])

    def save(self, folder: Path) -> None:
        """Writes the rows, then the sidecar that vouches for them.

        Raises:
            UserError: the folder cannot be written.
        """
        digests = write_sheets(folder, {_ROWS: (_COLUMNS, self._records())})
        info = self.info.model_copy(update={"content_sha256": digests[_ROWS]})
        self.info = info.write(folder / SIDECAR)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads an estimated table and checks it.

        Raises:
            UserError: there is none in that folder.
            CorruptFileError: a file is truncated, edited, or of another format.
        """
        again = "estimate again"
        info = read_sealed(folder / SIDECAR, EstimateInfo, format=FORMAT,
                           what="an estimated table", again=again)
        found = read_sheets(folder, {_ROWS: _COLUMNS}, {_ROWS: info.content_sha256}, again=again)
        rows = [EstimatedRow(**{**r, "operator": Operator.parse(r["operator"])}) for r in found[0]]
        if len(rows) != info.rows:
            raise CorruptFileError(f"{folder} holds {len(rows)} rows, its sidecar says {info.rows}")
        return cls(info, rows)

    def _records(self) -> list[dict[str, Any]]:
        return [{**asdict(row), "operator": row.operator.key} for row in self.rows]
