"""Published latencies of whole networks on GPUs, with the operators that those execute.

The files of measurements name networks; `python -m benchmarks.trace_networks` writes what PyTorch
executes for each, from the definitions in the packages that the measurements were made with.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._figures import Floats
from luts.errors import CorruptFileError, UserError
from luts.operator import Operator
from luts.target import load_target
from predictor.device_facts import DeviceFacts
from predictor.unmeasured.fitting import Collection
from predictor.unmeasured.steps import Steps

TIMM, FLOW = "timm_imagenet", "ptlflow_optical_flow_zoo"
TIMM_FILE = "benchmark-infer-amp-nchw-pt240-cu124-{}.csv.gz"
FLOW_FILE = "model_benchmark.csv"
TRACES = Path(__file__).with_name("traces.jsonl.gz")
FLOW_SIZE = (500, 1000)
# Timed with a correlation kernel of their own, which no law of common kernels covers.
OWN_KERNELS = ("irr", "liteflownet", "pwcnet", "scopeflow", "vcn", "flownetc", "flownet2", "hd3",
               "maskflownet", "dicl", "fastflownet")

Key = tuple[str, int, int]
Traces = dict[Key, Steps]


@dataclass(frozen=True)
class Published:
    """Rows of one file on one device and precision.

    Attributes:
        collection: kernels and latencies.
        names: of the networks.
        facts: GMACs, millions of activations and of parameters, rows of pixels, inputs per
            inference, shape ``(networks, 5)``; NaN where they are not given.
        untraced: rows whose operators are not known.
    """

    collection: Collection
    names: tuple[str, ...]
    facts: Floats
    untraced: tuple[str, ...] = ()


def read_traces(path: Path) -> Traces:
    """Kernels of each network, by name, size and batch.

    Raises:
        UserError: there is no such file.
        CorruptFileError: a line is not a trace.
    """
    if not path.is_file():
        raise UserError(f"no file '{path}'; write it with: python -m benchmarks.trace_networks")
    opener = gzip.open if path.suffix == ".gz" else open
    found: Traces = {}
    with opener(path, "rt") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                key = (record["model"], int(record["size"]), int(record["batch"]))
                operators = [(Operator.parse(k), int(n)) for k, n in record["ops"].items()]
            except (ValueError, KeyError, AttributeError):
                raise CorruptFileError(f"'{path}' line {number} is no trace") from None
            found[key] = Steps.of(operators)
    return found


def read_timm(folder: Path, target: str, traces: Traces) -> Published:
    """ImageNet networks in automatic mixed precision, batches of up to 1,024.

    Args:
        folder: of public data.
        target: ``rtx3090`` or ``rtx4090``.
        traces: kernels of the networks.
    """
    rows = rows_of(folder / TIMM / TIMM_FILE.format(target))
    keys = [(r["model"], int(r["infer_img_size"]), int(r["infer_batch_size"])) for r in rows]
    latency_ms = [1e3 * key[2] / float(r["infer_samples_per_sec"])
                  for key, r in zip(keys, rows, strict=True)]
    facts = [[float(r["infer_gmacs"]), float(r["infer_macts"]), float(r["param_count"]),
              float(key[1]), float(key[2])] for key, r in zip(keys, rows, strict=True)]
    return _published(target, "fp16", keys, latency_ms, facts, traces)


def read_flow(folder: Path, precision: str, traces: Traces) -> Published:
    """Optical-flow networks, one pair of 500 x 1000 pixels, on an RTX 3090.

    Without those that bring a correlation kernel of their own.
    """
    rows = [r for r in rows_of(folder / FLOW / FLOW_FILE)
            if r[f"Time(ms)-{precision}"] and not r["Model"].startswith(OWN_KERNELS)]
    keys = [(r["Model"], FLOW_SIZE[0], 1) for r in rows]
    latency_ms = [float(r[f"Time(ms)-{precision}"]) for r in rows]
    facts = [[float(r["FLOPs"]) / 2, np.nan, float(r["Params"]), FLOW_SIZE[0], 1.0] for r in rows]
    return _published("rtx3090", precision, keys, latency_ms, facts, traces)


def _published(
    target: str, precision: str, keys: list[Key], latency_ms: list[float],
    facts: list[list[float]], traces: Traces,
) -> Published:
    known = [i for i, key in enumerate(keys) if key in traces]
    collection = Collection(
        f"{target} {precision}", DeviceFacts.of_target(load_target(target)), precision,
        [traces[keys[i]] for i in known], np.array([latency_ms[i] for i in known]),
    )
    return Published(collection, tuple(keys[i][0] for i in known),
                     np.array([facts[i] for i in known]).reshape(len(known), 5),
                     tuple(key[0] for key in keys if key not in traces))


def rows_of(path: Path) -> list[Mapping[str, str]]:
    """Rows of a CSV file, which may be compressed.

    Raises:
        UserError: there is no such file.
    """
    if not path.is_file():
        raise UserError(f"no file '{path}'; the folder of public data lacks it")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as file:
        return list(csv.DictReader(file))
