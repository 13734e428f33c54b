"""NeuSight's measured operators (Lee et al., ASPLOS 2025) as operators on devices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._public import read_rows
from luts.files import read_json
from luts.operator import Operator
from predictor.operator_model import DeviceFacts

KINDS = {"conv": "conv", "linear": "linear", "bmm": "bmm", "elementwise": "elementwise",
         "softmax": "softmax", "layer norm": "ln"}  # fmt: skip
# Board power of the makers' data sheets in W, which the file of devices lacks.
_POWER_W = {
    "Tesla V100-PCIE-32GB": 250, "Tesla P100-PCIE-16GB": 250, "Tesla P4": 75, "Tesla T4": 70,
    "NVIDIA A100-PCIE-40GB": 250, "NVIDIA A100 80GB PCIe": 300, "NVIDIA A100-SXM4-40GB": 400,
    "NVIDIA L4": 72, "NVIDIA H100 80GB HBM3": 700, "AMD Instinct MI100": 300,
    "AMD Instinct MI210": 300, "AMD Instinct MI250": 560,
}  # fmt: skip
_NO_SIZES = frozenset({"vendor", "split", "device", "latency_ms"})
_BINARY = frozenset({"add", "mul", "div", "pow"})


@dataclass(frozen=True)
class Measured:
    """Rows of one kind.

    Attributes:
        operators: one per row.
        latency_ms: shape ``(rows,)``.
        device: name of each row's device.
        in_range: rows of NeuSight's training range; the others are larger.
        shape: number of each row's operator, whatever the device.
    """

    operators: list[Operator]
    latency_ms: npt.NDArray[np.float64]
    device: npt.NDArray[np.str_]
    in_range: npt.NDArray[np.bool_]
    shape: npt.NDArray[np.int64]


def read_devices(folder: Path) -> dict[str, DeviceFacts]:
    """Data sheet facts by the name that the rows use."""
    found: dict[str, DeviceFacts] = {}
    for facts in read_json(folder / "device_configs.json").values():
        name = facts["Device"]
        peaks = {"fp32": float(facts.get("SingleFLOPs") or facts["SingleFLOPsMM"])}
        found.setdefault(name, DeviceFacts(
            name, peaks, float(facts["Mem_Bw"]), int(facts["Num_Sm"]),
            float(facts["L2Cache"]), float(facts["Freq"]), _POWER_W.get(name),
        ))  # fmt: skip
    return found


def family(device: str) -> str:
    """Devices of one chip; leaving one out leaves its siblings out."""
    return "A100" if "A100" in device else "MI200" if "MI2" in device else device


def read_kind(folder: Path, title: str, rows_each: int, seed: int) -> Measured:
    """Rows of one kind, at most so many per device and range, of shapes drawn at random.

    Args:
        folder: NeuSight's files.
        title: a key of ``KINDS``.
        rows_each: most rows per device and range.
        seed: seed of the draw.
    """
    columns = read_rows(folder / f"{KINDS[title]}.csv.gz")
    sizes = [name for name in columns if name not in _NO_SIZES]
    shapes = np.column_stack([columns[name].astype(str) for name in sizes])
    _, shape = np.unique(shapes, axis=0, return_inverse=True)
    # The same shapes on all devices, as far as they were measured there.
    turn = np.random.default_rng(seed).permutation(int(shape.max()) + 1)[shape]
    parts = np.char.add(columns["device"].astype(str), columns["split"].astype(str))
    chosen = np.concatenate([
        rows[np.argsort(turn[rows], kind="stable")][:rows_each]
        for rows in (np.flatnonzero(parts == part) for part in np.unique(parts))
    ])
    chosen.sort()
    rows = [{name: values[i] for name, values in columns.items()} for i in chosen]
    make = _MAKERS[title]
    return Measured(
        [make(row) for row in rows],
        columns["latency_ms"][chosen].astype(float),
        columns["device"][chosen].astype(str),
        columns["split"][chosen].astype(str) == "train",
        shape[chosen],
    )


def _conv(row: dict[str, Any]) -> Operator:
    kernel, size = int(row["kernel"]), int(row["hw"])
    return Operator.make(
        "conv", (int(row["B"]), int(row["cin"]), size, size), out=int(row["cout"]),
        kernel=(kernel, kernel), stride=int(row["stride"]), padding=int(row["padding"]),
    )  # fmt: skip


def _linear(row: dict[str, Any]) -> Operator:
    return Operator.make("linear", (int(row["B"]), int(row["M"]), int(row["K"])), out=int(row["N"]))


def _bmm(row: dict[str, Any]) -> Operator:
    b, m, n, k = (int(row[name]) for name in "BMNK")
    return Operator.make("matmul", (b, m, k), (b, k, n))


def _elementwise(row: dict[str, Any]) -> Operator:
    shape = (int(row["B"]), int(row["H"]))
    inputs = [shape, shape] if row["op"] in _BINARY else [shape]
    return Operator.make("elementwise", *inputs, fn=str(row["op"]))


def _rowwise(kind: str) -> Callable[[dict[str, Any]], Operator]:
    return lambda row: Operator.make(kind, (int(row["B"]), int(row["H"])))


_MAKERS: dict[str, Callable[[dict[str, Any]], Operator]] = {
    "conv": _conv, "linear": _linear, "bmm": _bmm, "elementwise": _elementwise,
    "softmax": _rowwise("softmax"), "layer norm": _rowwise("layer_norm"),
}  # fmt: skip
