"""The OperatorLibrary: operators of all sorts, measured inside random networks of one target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from luts._sheets import read_sheets, write_sheets
from luts.errors import CorruptFileError, UserError
from luts.fingerprint import digest
from luts.operator import Operator
from luts.paths import known_tables, table_folder
from luts.records import FORMAT, TableInfo
from luts.sealed import read_sealed

RECIPE = "library"
SIDECAR = "library.json"
_ROWS, _NETWORKS = "occurrences.parquet", "networks.parquet"
_ROW_COLUMNS = {"network": "int", "operator": "str", "latency_ms": "float"}
_NETWORK_COLUMNS = {"network": "int", "family": "str", "latency_ms": "float", "p10_ms": "float",
                    "p90_ms": "float", "samples": "int", "discarded": "int", "visits": "int",
                    "unattributed_ms": "float", "canary_factor": "float", "load": "float"}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One execution of an operator at one place of a network.

    Attributes:
        network: number of the network.
        operator: what was executed.
        latency_ms: time of that step within an undisturbed inference.
    """

    network: int
    operator: Operator
    latency_ms: float


@dataclass(frozen=True, slots=True)
class LibraryNetwork:
    """End-to-end latency of one of the random networks.

    Attributes:
        network: its number, from which (and the seed) it can be drawn again.
        family: what kind of network it is.
        latency_ms: median of the inferences that were kept, corrected by the canary.
        p10_ms: tenth percentile.
        p90_ms: ninetieth percentile.
        samples: inferences kept.
        discarded: inferences thrown away as disturbed.
        visits: how often it was timed.
        unattributed_ms: time per inference between the steps.
        canary_factor: the raw latency was divided by this.
        load: load average of the machine at that time.
    """

    network: int
    family: str
    latency_ms: float
    p10_ms: float
    p90_ms: float
    samples: int
    discarded: int
    visits: int
    unattributed_ms: float
    canary_factor: float
    load: float


class OperatorLibrary:
    """Steps of random networks with their latencies, and the networks end to end; immutable.

    Args:
        info: provenance; ``rows`` and ``networks`` are filled in.
        occurrences: every step of every network, in order of execution.
        networks: end-to-end latencies.

    Raises:
        UserError: a latency is not finite and positive, or a step belongs to no network.
    """

    def __init__(self, info: TableInfo, occurrences: Sequence[Occurrence],
                 networks: Sequence[LibraryNetwork]) -> None:
        self.occurrences = tuple(occurrences)
        self.networks = tuple(networks)
        self.info = info.model_copy(update={"rows": len(occurrences), "networks": len(networks)})
        items: tuple[Occurrence | LibraryNetwork, ...] = (*self.occurrences, *self.networks)
        for item in items:
            if not (math.isfinite(item.latency_ms) and item.latency_ms > 0):
                raise UserError(f"latencies must be finite and above 0 ms, got {item}")
        known = {network.network for network in self.networks}
        if any(step.network not in known for step in self.occurrences):
            raise UserError("a step belongs to a network that was not timed end to end")

    @cached_property
    def identity(self) -> str:
        """Hex digest over all steps and networks, the same before and after `save`."""
        return digest(self._content())

    def _content(self) -> list[list[dict[str, Any]]]:
        steps = [{**asdict(step), "operator": step.operator.key} for step in self.occurrences]
        return [steps, [asdict(network) for network in self.networks]]

    def save(self, folder: Path) -> None:
        """Writes the two Parquet files, then the sidecar that vouches for them.

        Raises:
            UserError: the folder cannot be written.
        """
        steps, networks = self._content()
        digests = write_sheets(folder, {
            _ROWS: (_ROW_COLUMNS, steps), _NETWORKS: (_NETWORK_COLUMNS, networks)})
        info = self.info.model_copy(update={"content_sha256": digests})
        self.info = info.write(folder / SIDECAR)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads a library and checks it.

        Raises:
            UserError: there is none in that folder, or it is empty.
            CorruptFileError: a file is truncated, edited, or of another format.
        """
        again = "build it again"
        info = read_sealed(folder / SIDECAR, TableInfo, format=FORMAT, what="a library",
                           again=again)
        sheets = {_ROWS: _ROW_COLUMNS, _NETWORKS: _NETWORK_COLUMNS}
        found = read_sheets(folder, sheets, info.content_sha256, again=again)
        steps = [Occurrence(r["network"], Operator.parse(r["operator"]), r["latency_ms"])
                 for r in found[0]]
        networks = [LibraryNetwork(**r) for r in found[1]]
        if not steps or not networks:
            raise UserError(f"the library in {folder} holds {len(steps)} operators of "
                            f"{len(networks)} networks; build it again with: "
                            f"{library_command(info.target, info.threads)} --force")
        try:
            return cls(info, steps, networks)
        except UserError as error:
            raise CorruptFileError(f"{folder}: {error}") from None


def library_command(target: str, threads: int | None = None) -> str:
    """Command line that builds a library; of a CPU, for those of GPUs cannot be built yet."""
    wanted = "" if threads in (None, 1) else f" --threads {threads}"
    only = "" if target == "cpu" else " (CPUs only so far)"
    return f"python -m profiler.build_library --device cpu{wanted}{only}"


def library_folder(target: str, runtime: str, precision: str, threads: int) -> Path:
    """Folder of one library, whether it exists or not."""
    return table_folder(target, RECIPE, runtime, precision, 1, threads)


def find_library(
    target: str, *, threads: int = 1, runtime: str = "onnxruntime", precision: str = "fp32"
) -> OperatorLibrary:
    """Loads the library of a target.

    Args:
        target: target name.
        threads: threads within one operator.
        runtime: what executed it.
        precision: arithmetic precision.

    Raises:
        UserError: there is none; the message names those that exist and how to build one.
        CorruptFileError: it is damaged.
    """
    folder = library_folder(target, runtime, precision, threads)
    if (folder / SIDECAR).exists():
        return OperatorLibrary.load(folder)
    raise UserError(
        f"no library of operators of '{target}' ({runtime}, {precision}, {threads} threads); "
        f"there are: {known_tables(SIDECAR)}; build one with: "
        f"{library_command(target, threads)}"
    )
