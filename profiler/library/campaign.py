"""Measures the random networks of a library, step by step and end to end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from luts.errors import InferenceError, UserError
from luts.fingerprint import code_hash, digest
from luts.library import RECIPE, OperatorLibrary
from profiler._clock import Clock, SystemClock
from profiler._failures import check_failures
from profiler._pace import PaceProbe, open_probe
from profiler._patience import Patience
from profiler._records import FailureRecord
from profiler._sampling import warm_up
from profiler._state import CampaignState
from profiler._visit import time_canary
from profiler.campaign import measuring_sources
from profiler.device import identify_cpu
from profiler.library._assemble import build_library
from profiler.library._visit import time_drawn
from profiler.library.families import draw
from profiler.runtimes import Runtime
from profiler.settings import Progress, Settings, StoppingRule

# Every sixth network is timed again at the end: that is where the noise is known from.
_AGAIN = 6
# A network of middling size, of the commonest family.
_CANARY = 0

LIBRARY_RULE = StoppingRule(min_samples=5, min_seconds=0.2, max_seconds=1.5, goal=0.006)
# A machine may change its speed within seconds; a short canary now and then sees it.
CANARY_RULE = StoppingRule(min_samples=3, min_seconds=0.05, max_seconds=0.4, goal=0.01)
CANARY_EVERY = 2


class LibraryCampaign:
    """One campaign: how many networks are drawn, how they are timed, and where the journal lies.

    Args:
        runtime: what executes the networks.
        folder: where the journal and the library lie.
        settings: how to time.
        networks: networks to draw.
        seed: seed of the draws.
        clock: clocks to read; the machine's by default.
    """

    def __init__(self, runtime: Runtime, folder: Path, *, settings: Settings, networks: int,
                 seed: int = 0, clock: Clock | None = None) -> None:
        self.runtime = runtime
        self.folder = folder
        self.settings = settings
        self.networks = networks
        self.seed = seed
        self.clock = clock or SystemClock()
        self._patience = Patience(self.clock, settings.patience_s)

    def header(self) -> dict[str, Any]:
        """What must be equal for two sittings to belong to one campaign (but ``created``)."""
        sources = sorted(Path(__file__).parent.glob("*.py"))
        return {
            "format": 1,
            "recipe": RECIPE,
            "plan_hash": digest([self.seed, self.networks, code_hash(sources)]),
            "planned": self.networks,
            "space_hash": code_hash(sources),
            "code_hash": code_hash(measuring_sources()),
            "device": identify_cpu(),
            "runtime": self.runtime.name,
            "runtime_version": self.runtime.version(),
            "settings": self.settings.as_json() | {"seed": self.seed},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def visits(self) -> list[tuple[int, int]]:
        """Networks and turns, in order."""
        return [(n, 0) for n in range(self.networks)] + [
            (n, 1) for n in range(0, self.networks, _AGAIN)
        ]

    def run(self, *, budget_s: float, resume: bool = False, force: bool = False,
            report: Callable[[Progress], None] = lambda progress: None) -> OperatorLibrary:
        """Measures until all networks are done or the time is used up, and saves the library.

        Args:
            budget_s: time for this sitting.
            resume: continue an unfinished campaign in the folder.
            force: discard what lies there.
            report: told after every network.

        Raises:
            UserError: the folder cannot be used, nothing could be measured, or more than a third
                of the networks failed.
        """
        header = self.header()
        with closing(CampaignState.open(self.folder, header, resume=resume, force=force)) as state:
            if state.finished:
                return OperatorLibrary.load(self.folder)
            try:
                self._measure(state, budget_s, report)
            except KeyboardInterrupt:
                if state.visits:
                    build_library(state, header, complete=False).save(self.folder)
                raise
            if not state.visits:
                raise UserError(f"no network could be timed within {budget_s / 60:g} minutes")
            library = build_library(state, header, complete=True)
            library.save(self.folder)
            state.finish()
            return library

    def _measure(self, state: CampaignState, budget_s: float,
                 report: Callable[[Progress], None]) -> None:
        done = {(visit.network, visit.turn) for visit in state.visits}
        rest = [pair for pair in self.visits() if pair not in done]
        ends_s = self.clock.wall_s() + budget_s
        threads, precision = self.settings.threads, self.settings.precision
        with (
            tempfile.TemporaryDirectory(prefix="metronas-") as name,
            open_probe(self.runtime, Path(name), self.clock, threads=threads,
                       precision=precision) as probe,
            self._canary(state, probe) as canary,
        ):
            model = Path(name) / "network.onnx"
            for number, turn in rest:
                if self.clock.wall_s() > ends_s:
                    break
                if number in state.failed:
                    continue
                if len(state.visits) % self.settings.canary_every == 0:
                    canary()
                draw(number, self.seed, model)
                timing = partial(time_drawn, number, turn, model, self.runtime,
                                 settings=self.settings, clock=self.clock, probe=probe)
                try:
                    state.add(self._patience.undisturbed(timing))
                except InferenceError as error:
                    said = str(error).replace(str(model), "the network")
                    state.add(FailureRecord(number, turn, self.clock.date_s(), said))
                    check_failures(state, self.networks)
                    continue
                first, last = state.canaries[0].latency_ms, state.canaries[-1].latency_ms
                report(Progress(len(state.visits), len(self.visits()), last / first))
            canary()

    @contextmanager
    def _canary(self, state: CampaignState, probe: PaceProbe) -> Iterator[Callable[[], None]]:
        settings = self.settings
        with tempfile.TemporaryDirectory(prefix="metronas-") as name:
            model = Path(name) / "canary.onnx"
            draw(_CANARY, 0, model)
            opened = self.runtime.open(model, threads=settings.threads)
            with closing(opened) as session:
                warm_up(session.run, self.clock, seconds=settings.canary_rule.min_seconds)
                yield lambda: state.add(time_canary(session, settings, self.clock, probe))
