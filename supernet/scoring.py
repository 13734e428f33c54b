"""What `supernet.evaluate` scores of flow, part by part."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from luts.errors import UserError
from luts.progress import counted
from supernet.data.collection import check_pairs, find_data, named
from supernet.data.pairs import FlowPair, read_pair
from supernet.data.photos import bundled_photos
from supernet.data.pictures import write_pictures, write_wheel
from supernet.data.protocols import OWN, Protocol
from supernet.data.rendered import rendered_name, rendered_pairs
from supernet.raft.network import FlowNetwork
from supernet.raft.space import FlowSpace
from supernet.score import score_pairs
from supernet.tasks.flow_accuracy import rendered_as_trained

_COUNTED_FROM = 50


@dataclass(frozen=True, slots=True)
class Part:
    """Pairs that are scored together.

    Attributes:
        data: name of the data set.
        group: part of it (empty: all).
        count: of pairs.
        read: gives them one after the other.
        protocol: of the data set.
        notes: for the reader of the figures.
    """

    data: str
    group: str
    count: int
    read: Callable[[], Iterator[FlowPair]]
    protocol: Protocol
    notes: tuple[str, ...] = ()


def choose_parts(
    data: str, space: FlowSpace, split: str | None, only: Collection[str] | None
) -> list[Part]:
    """Finds what is to be scored and checks all files of it.

    Args:
        data: a folder, or ``rendered:COUNT`` (or ``layers:COUNT``, ``scenes:COUNT``).
        space: gives the size of rendered pairs, and its recipe the renderer.
        split: ``all``, ``train``, ``val`` (None: as each data set is usually scored).
        only: names of pairs (None: all).

    Raises:
        UserError: nothing to score, or broken files.
    """
    named_pairs = rendered_name(data, rendered_as_trained(space).version)
    if named_pairs is not None:
        version, count = named_pairs
        if only or split not in (None, "all", "val"):
            raise UserError(f"--data {data}: rendered pairs have no --pair and no training part")
        size = replace(rendered_as_trained(space), version=version)
        return [Part(
            "rendered", version, count, lambda: rendered_pairs(bundled_photos(), size, count), OWN,
        )]
    folder, parts = Path(data), []
    sets = find_data(folder)
    if only:
        named([pair for held in sets for pair in held.pairs], only, folder)
    for held in sets:
        usual = split or ("all" if only else held.layout.protocol.split)
        pairs = [
            pair for pair in held.pairs
            if usual in ("all", pair.split) and (not only or pair.name in only)
        ]
        for group in sorted({pair.group for pair in pairs}):
            chosen = [pair for pair in pairs if pair.group == group]
            check_pairs(chosen, held.folder)
            parts.append(Part(
                held.layout.name, group, len(chosen), _reader(chosen), held.layout.protocol,
                held.notes,
            ))
    if not parts:
        raise UserError(f"'{data}' has no pair in split '{split or 'val'}'; --split all takes all")
    return parts


def _reader(files: Sequence[Any]) -> Callable[[], Iterator[FlowPair]]:
    return lambda: map(read_pair, files)


def score_parts(
    network: FlowNetwork, parts: Sequence[Part], iterations: int | None, *, warm_start: bool,
    pictures: Path | None, scales: Sequence[float] = (1.0,),
) -> list[dict[str, Any]]:
    """Scores each part by its protocol; writes pictures where a folder for them is given."""
    found = []
    if pictures is not None:
        write_wheel(pictures)
    for part in parts:
        for note in part.notes:
            print(f"note: {note}", file=sys.stderr)
        busy = part.count >= _COUNTED_FROM or sys.stderr.isatty()
        with counted(f"scoring {part.data} {part.group}".rstrip(), part.count) if busy else (
            nullcontext(lambda: None)
        ) as advance:
            def seen(
                pair: FlowPair, flow: torch.Tensor, advance: Callable[[], None] = advance,
                data: str = part.data,
            ) -> None:
                if pictures is not None:
                    write_pictures(pictures, data, pair, flow)
                advance()

            scores = score_pairs(
                network, part.read(), iterations, protocol=part.protocol, warm_start=warm_start,
                scales=scales, seen=seen,
            )
        protocol = asdict(part.protocol)
        protocol["iterations"] = iterations or part.protocol.iterations or network.iterations
        found.append({
            "data": part.data, "group": part.group, "protocol": protocol,
            "warm_start": warm_start, "scales": list(scales), "count": part.count,
            "notes": list(part.notes), "mean": scores.mean, "pairs": scores.pairs,
        })
    return found
