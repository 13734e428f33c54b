"""Many architectures trained on their own for a short budget, one or several at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from luts.errors import UserError
from luts.files import Journal, writable_folder
from luts.space import Architecture
from supernet.space import SearchSpace

if TYPE_CHECKING:
    from supernet.network import Network
    from supernet.raft.network import FlowNetwork
    from supernet.raft.space import FlowSpace
    from supernet.tasks.base import Judge
    from supernet.training.common import CommonSettings
    from supernet.training.starting import Weights

_DRAWS = 1000
Scores = dict[str, float]
Place = tuple[int, int]


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
    """How stand-alone networks are trained and scored.

    Attributes:
        recipe: of the space.
        settings: training section, with the short budget.
        folder: each network has a folder in it.
        seed: of data and initial weights; a repetition adds its number.
        workers: processes that make batches, for each network.
        device: where to train.
        threads: CPU threads of each network (None: PyTorch's choice).
        head: weights of the reference whose head they start with (None: a fresh head).
        pairs: held-out examples to score on (None: the task's usual number).
        parallel: networks that are trained at the same time, each in a process.
        data: folder of the data (None: the recipe's own).
    """

    recipe: str
    settings: CommonSettings
    folder: Path
    seed: int
    workers: int
    device: str
    threads: int | None
    head: Weights | None
    pairs: int | None
    parallel: int = 1
    data: Path | None = None

    def scores(
        self, architectures: Sequence[Architecture], repeats: int, journal: Journal,
        done: Callable[[], None],
    ) -> list[list[Scores]]:
        """Trains and scores what the journal does not hold yet.

        Args:
            architectures: what to train.
            repeats: trainings of each, with different seeds.
            journal: of scores.
            done: called after each network.

        Returns:
            Scores by repetition and architecture.
        """
        known: dict[Place, Scores] = {
            (record["repeat"], record["index"]): record["scores"]
            for record in journal.records if record["event"] == "standalone"
        }
        places = [(r, i) for r in range(repeats) for i in range(len(architectures))]
        for place in places:
            if place in known:
                done()
        left = {place: architectures[place[1]] for place in places if place not in known}
        for (repeat, index), scores in self._all(left):
            journal.append({"event": "standalone", "repeat": repeat, "index": index,
                            "scores": scores})
            known[repeat, index] = scores
            done()
        return [[known[r, i] for i in range(len(architectures))] for r in range(repeats)]

    def _all(self, left: dict[Place, Architecture]) -> Iterator[tuple[Place, Scores]]:
        if self.parallel == 1:
            for place, architecture in left.items():
                yield place, self.score(place, architecture)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.parallel, mp_context=context) as pool:
            tasks = {
                pool.submit(self.score, place, architecture, os.getpid()): place
                for place, architecture in left.items()
            }
            try:
                for task in as_completed(tasks):
                    yield tasks[task], task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def score(self, place: Place, architecture: Architecture, parent: int | None = None) -> Scores:
        """Trains and scores one network.

        Args:
            place: repetition and index.
            architecture: the network.
            parent: process that waits for it; when that is gone the training ends at once, so that
                the next process to resume it has the folder for itself (None: this process).
        """
        from supernet.training.threads import prepare_thread

        prepare_thread(self.threads)
        held = held_out(self.recipe, self.settings, self.pairs, self.device, self.data)
        return held.score(self._train(place, architecture, parent))

    def _train(
        self, place: Place, architecture: Architecture, parent: int | None
    ) -> Network:
        from luts.spaces import load_space
        from supernet.candidates import find_candidate
        from supernet.tasks.base import task_of
        from supernet.training.loop import train
        from supernet.training.run import RUN_FILE, TrainingRun
        from supernet.training.threads import training_device

        repeat, index = place
        space, seed = cast(SearchSpace, load_space(self.recipe)), self.seed + repeat
        candidate = find_candidate(space, json.dumps(architecture.as_json()))
        folder = writable_folder(self.folder / f"{index:02d}-{repeat}")
        stage = task_of(self.recipe).make_stage(
            self.recipe, candidate.name, folder, self.settings, seed, None,
            device=training_device(self.device), workers=self.workers, candidate=candidate,
            data=self.data,
        )
        extra = dict(stage.extra)
        if self.head is not None:
            from supernet.training.stage import give_head

            flow = cast("FlowSpace", space), cast("FlowNetwork", stage.rule.network)
            extra["head"] = give_head(*flow, self.head)
        run = TrainingRun(folder, self.recipe, candidate.name, self.settings, seed, extra)

        def report(step: int, figures: dict[str, float]) -> None:
            if parent is not None and os.getppid() != parent:
                os._exit(1)

        train(run, stage.rule, stage.batches, resume=(folder / RUN_FILE).exists(),
              report=report, validate=dict)
        return stage.rule.network


@lru_cache(maxsize=1)
def held_out(
    recipe: str, settings: CommonSettings, pairs: int | None, device: str, data: Path | None
) -> Judge:
    """What all networks of a ranking are scored on, made once a process."""
    from supernet.tasks.base import task_of
    from supernet.training.threads import training_device

    return task_of(recipe).judge(recipe, settings, pairs, training_device(device), data)
