"""Many architectures trained on their own for a short budget, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luts.errors import UserError
from luts.files import Journal
from luts.space import Architecture
from supernet.space import SearchSpace

if TYPE_CHECKING:
    import torch

    from supernet.training.scoring import HeldOut
    from supernet.training.settings import TrainingSettings
    from supernet.training.stage import Weights

_DRAWS = 1000


def distinct_architectures(space: SearchSpace, count: int, seed: int) -> list[Architecture]:
    """Uniform random architectures, each once.

    Raises:
        UserError: the space does not hold so many.
    """
    rng = np.random.default_rng(seed)
    found: dict[Architecture, None] = {}
    for _ in range(_DRAWS):
        found[space.decode(space.sample(rng, 1)[0])] = None
        if len(found) == count:
            return list(found)
    raise UserError(f"{_DRAWS} draws gave {len(found)} different architectures of space "
                    f"{space.name}; ask for fewer than {count}")


@dataclass(frozen=True, slots=True)
class Apprentices:
    """How stand-alone networks are trained.

    Attributes:
        space: of the architectures.
        settings: training section, with the short budget.
        folder: each network has a folder in it.
        seed: of data and initial weights; a repetition adds its number.
        workers: processes that render.
        device: where to train.
        head: weights of the reference whose head they start with (None: a fresh head).
    """

    space: SearchSpace
    settings: TrainingSettings
    folder: Path
    seed: int
    workers: int
    device: torch.device
    head: Weights | None

    def scores(
        self, architectures: Sequence[Architecture], repeats: int, held: HeldOut,
        journal: Journal, done: Callable[[], None],
    ) -> list[list[dict[str, float]]]:
        """Trains and scores what the journal does not hold yet.

        Args:
            architectures: what to train.
            repeats: trainings of each, with different seeds.
            held: what to score on.
            journal: of scores.
            done: called after each network.

        Returns:
            Scores by repetition and architecture.
        """
        known = {
            (record["repeat"], record["index"]): record["scores"]
            for record in journal.records if record["event"] == "standalone"
        }
        for repeat in range(repeats):
            for index, architecture in enumerate(architectures):
                if (repeat, index) not in known:
                    scores = held.score(self._train(architecture, index, repeat))
                    journal.append({"event": "standalone", "repeat": repeat, "index": index,
                                    "scores": scores})
                    known[repeat, index] = scores
                done()
        return [[known[r, i] for i in range(len(architectures))] for r in range(repeats)]

    def _train(self, architecture: Architecture, index: int, repeat: int) -> Any:
        from luts.files import writable_folder
        from supernet.candidates import find_candidate
        from supernet.training.loop import train
        from supernet.training.run import RUN_FILE, TrainingRun
        from supernet.training.stage import give_head, make_stage

        settings, seed = self.settings, self.seed + repeat
        candidate = find_candidate(self.space, json.dumps(architecture.as_json()))
        folder = writable_folder(self.folder / f"{index:02d}-{repeat}")
        stage = make_stage(
            self.space.name, candidate.name, folder, settings, seed, None, device=self.device,
            workers=self.workers, candidate=candidate,
        )
        extra = dict(stage.extra)
        if self.head is not None:
            extra["head"] = give_head(self.space, stage.rule.network, self.head)
        run = TrainingRun(folder, self.space.name, candidate.name, settings, seed, extra)
        train(run, stage.rule, stage.batches, resume=(folder / RUN_FILE).exists(),
              report=_silent, validate=dict)
        return stage.rule.network


def _silent(step: int, figures: dict[str, float]) -> None:
    """Networks are counted, not their steps."""
