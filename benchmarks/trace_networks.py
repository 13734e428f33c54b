"""What PyTorch executes for the networks whose latencies were published.

    python -m benchmarks.trace_networks

Needs ``timm`` and, for flow networks, ``ptlflow`` beside the project's own packages. Nothing is
computed: modules lie on torch's ``meta`` device. A network that is in the file already is kept; one
that cannot be built is named, and left out.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import json
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import _arguments
from benchmarks._public import data_folder
from benchmarks._published import (
    FLOW,
    FLOW_FILE,
    FLOW_SIZE,
    OWN_KERNELS,
    TIMM,
    TIMM_FILE,
    TRACES,
    Key,
    rows_of,
)
from luts import cli
from luts.errors import UserError
from luts.files import atomic_path, writable_folder
from luts.progress import counted

_CARDS = ("rtx3090", "rtx4090")


def main(
    *,
    data: _arguments.PublicData = None,
    out: Annotated[Path, typer.Option(help="File to write or to go on with.")] = TRACES,
) -> None:
    """Traces all networks of the public files, about a fifth of a second each."""
    folder = data_folder(data)
    writable_folder(out.parent)
    known = _read(out)
    wanted = {key: build for key, build in (*_timm(folder), *_flow(folder)) if key not in known}
    failed = {}
    with warnings.catch_warnings(), counted("tracing", len(wanted)) as advance:
        warnings.simplefilter("ignore")
        for key, build in wanted.items():
            try:
                known[key] = _traced(key, build)
            except UserError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a network's own code raises
                failed[key] = f"{type(error).__name__}: {error}"
            advance()
    with atomic_path(out) as temporary, gzip.open(temporary, "wt") as file:
        file.writelines(json.dumps(record) + "\n" for record in known.values())
    for (name, size, batch), said in failed.items():
        print(f"left out {name} at {size}, batch {batch}: {' '.join(said.split())[:150]}")
    print(f"{len(known)} networks in {out}, {len(failed)} left out")


Build = Callable[[], tuple[Any, tuple[Any, ...]]]


def _timm(folder: Path) -> Iterator[tuple[Key, Build]]:
    for card in _CARDS:
        for row in rows_of(folder / TIMM / TIMM_FILE.format(card)):
            name, size = row["model"], int(row["infer_img_size"])
            batch = int(row["infer_batch_size"])
            yield (name, size, batch), partial(_image_network, name, size, batch)


def _flow(folder: Path) -> Iterator[tuple[Key, Build]]:
    for row in rows_of(folder / FLOW / FLOW_FILE):
        name = row["Model"]
        if not name.startswith(OWN_KERNELS):
            yield (name, FLOW_SIZE[0], 1), partial(_flow_network, name)


def _image_network(name: str, size: int, batch: int) -> tuple[Any, tuple[Any, ...]]:
    import torch

    timm = _package("timm")
    with torch.device("meta"):
        module = timm.create_model(name, pretrained=False)
        if module.pretrained_cfg["input_size"][-1] != size:
            # Networks that take any size have no such option.
            with contextlib.suppress(TypeError):
                module = timm.create_model(name, pretrained=False, img_size=size)
        return module.eval(), (torch.empty(batch, 3, size, size),)


def _flow_network(name: str) -> tuple[Any, tuple[Any, ...]]:
    import torch

    module = _package("ptlflow").get_model(name).eval().to("meta")
    frames = 3 if "videoflow" in name else 2
    return module, ({"images": torch.empty(1, frames, 3, *FLOW_SIZE, device="meta")},)


def _traced(key: Key, build: Build) -> dict[str, Any]:
    import torch

    from benchmarks._trace import trace

    module, inputs = build()
    with torch.device("meta"):
        found = trace(module, *inputs)
    return {"model": key[0], "size": key[1], "batch": key[2],
            "params": sum(p.numel() for p in module.parameters()),
            "ops": {operator.key: count for operator, count in found.counts.items()}}


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"networks of '{name}' cannot be traced ({error}); install it with: "
                        f"pip install {name}") from None


def _read(path: Path) -> dict[Key, dict[str, Any]]:
    if not path.is_file():
        return {}
    with gzip.open(path, "rt") as file:
        records = [json.loads(line) for line in file]
    return {(r["model"], r["size"], r["batch"]): r for r in records}


if __name__ == "__main__":
    cli.run(main, resumable=False)
