"""What a network is to be scored on, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from supernet.candidates import Candidate
    from supernet.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Request:
    """What `supernet.evaluate` was asked for; a task refuses what means nothing to it.

    Attributes:
        space: of the network.
        candidate: the network (None: the reference).
        run: search run whose winner it is.
        weights: training folder (None: shipped weights).
        data: what to score on.
        device: where to compute.
        split: part of the data (None: the data set's usual).
        only: names of what alone is scored (None: everything).
        calibrate: folder whose data settle the batch norms (None: the task's choice).
        iterations: recurrent updates (None: as usual).
        warm_start: begin with the result before.
        scales: sizes of the inputs, one pass each (None: as they are).
        pictures: folder for pictures.
    """

    space: SearchSpace
    candidate: Candidate | None
    run: Path | None
    weights: Path | None
    data: str
    device: torch.device
    split: str | None = None
    only: Sequence[str] | None = None
    calibrate: Path | None = None
    iterations: int | None = None
    warm_start: bool = False
    scales: Sequence[float] | None = None
    pictures: Path | None = None
