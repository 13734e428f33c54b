"""HAT's transformers (Wang et al., ACL 2020): latencies of a collection that drifted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks._public import read_rows

COLLECTIONS = ("wmt14ende_gpu_titanxp", "wmt14enfr_gpu_titanxp", "wmt14enfr_cpu_raspberrypi")


@dataclass(frozen=True)
class Collection:
    """One file, in the order in which it was measured.

    Attributes:
        values: ten numbers of each architecture, shape ``(networks, 10)``.
        latency_ms: encoder and decoder together, shape ``(networks,)``.
        noise: standard deviation over a network's runs, relative to it, shape ``(networks,)``.
    """

    values: npt.NDArray[np.float64]
    latency_ms: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]


def read_collection(folder: Path, name: str) -> Collection:
    """Reads one file."""
    columns = read_rows(folder / f"{name}.csv.gz")
    shape = [title for title in columns if not title.startswith("latency_")]
    total = columns["latency_mean_encoder"] + columns["latency_mean_decoder"]
    spread = np.hypot(columns["latency_std_encoder"], columns["latency_std_decoder"])
    values = np.column_stack([columns[title].astype(float) for title in shape])
    return Collection(values, total.astype(float), spread / total)
