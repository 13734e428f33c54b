"""Runs a plan on a device: every network twice, a canary between, a journal of it all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from luts.errors import InferenceError
from luts.fingerprint import code_hash
from luts.space import OperatorSpace
from luts.table import LatencyTable
from profiler._assemble import by_network, disagreeing, lower_planned
from profiler._clock import Clock, SystemClock
from profiler._exporter import Exporter
from profiler._failures import check_failures
from profiler._patience import Patience
from profiler._records import CanaryRecord, FailureRecord, VisitRecord
from profiler._result import build_table
from profiler._sampling import warm_up
from profiler._state import CampaignState
from profiler._visit import time_canary, time_network
from profiler.device import identify_cpu
from profiler.plan import Plan, Visit
from profiler.runtimes import Runtime, Session
from profiler.settings import Progress, Settings


class Campaign:
    """One campaign: a plan, how it is timed, and the folder of its journal and table.

    Args:
        space: the space that was planned.
        plan: what to measure.
        runtime: what executes the networks.
        folder: where the journal and the table lie.
        settings: how to time.
        clock: clocks to read; the machine's by default.
    """

    def __init__(
        self, space: OperatorSpace, plan: Plan, runtime: Runtime, folder: Path,
        *, settings: Settings | None = None, clock: Clock | None = None,
    ) -> None:
        self.space = space
        self.plan = plan
        self.runtime = runtime
        self.folder = folder
        self.settings = settings or Settings()
        self.clock = clock or SystemClock()
        self._patience = Patience(self.clock, self.settings.patience_s)

    def header(self) -> dict[str, Any]:
        """What must be equal for two sittings to belong to one campaign (but ``created``)."""
        sources = Path(__file__).parent
        return {
            "format": 1,
            "recipe": self.plan.recipe,
            "plan_hash": self.plan.hash,
            "planned": len(self.plan.networks),
            "space_hash": self.plan.space_hash,
            "code_hash": code_hash([*sources.glob("*.py"), *sources.glob("runtimes/*.py")]),
            "device": identify_cpu(),
            "runtime": self.runtime.name,
            "runtime_version": self.runtime.version(),
            "settings": self.settings.as_json(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def run(
        self, *, resume: bool = False, force: bool = False,
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> LatencyTable:
        """Measures what the plan still lacks and saves the table.

        Args:
            resume: continue an unfinished campaign in the folder.
            force: discard what lies there.
            report: told after every visit.

        Raises:
            UserError: the folder cannot be used, a network cannot be exported, the canary cannot
                be executed, or more than a third of the networks failed.
        """
        header = self.header()
        with closing(CampaignState.open(self.folder, header, resume=resume, force=force)) as state:
            if state.finished:
                return LatencyTable.load(self.folder)
            try:
                self._measure(state, report)
            except KeyboardInterrupt:
                if state.visits:
                    self._save(state, header, complete=False)
                raise
            table = self._save(state, header, complete=True)
            state.finish()
            return table

    def _save(
        self, state: CampaignState, header: dict[str, Any], *, complete: bool
    ) -> LatencyTable:
        table = build_table(self.space, self.plan, state, header, complete=complete)
        table.save(self.folder)
        return table

    def _measure(self, state: CampaignState, report: Callable[[Progress], None]) -> None:
        total = sum(len(block) for block in self.plan.blocks)
        with (
            tempfile.TemporaryDirectory(prefix="metronas-") as name,
            closing(Exporter(self.space)) as exporter,
            self._canary(Path(name), state) as canary,
        ):
            for block in self.plan.blocks:
                for _ in self._block(block, state, Path(name), exporter, canary):
                    report(_progress(state, total))
            most = int(self.settings.third_visits * len(self.plan.networks))
            again = disagreeing(by_network(state.visits), most)
            for _ in self._block([Visit(n, 2) for n in again], state, Path(name), exporter,
                                 canary):
                report(_progress(state, total + len(again)))
            if len(again) or not state.canaries:
                canary()

    def _block(
        self, block: Sequence[Visit], state: CampaignState, scratch: Path, exporter: Exporter,
        canary: Callable[[], None],
    ) -> Iterator[VisitRecord]:
        done = {(visit.network, visit.turn) for visit in state.visits}
        rest = [visit for visit in block
                if (visit.network, visit.turn) not in done and visit.network not in state.failed]
        with tempfile.TemporaryDirectory(dir=scratch) as name:
            networks = self.plan.networks
            models = exporter.export({v.network: networks[v.network].vector for v in rest},
                                     Path(name))
            for visit in rest:
                if visit.network in state.failed:
                    continue
                if len(state.visits) % self.settings.canary_every == 0:
                    canary()
                model = models[visit.network]
                placed = lower_planned(self.space, networks[visit.network])
                timing = partial(time_network, visit, placed, model, self.runtime,
                                 settings=self.settings, clock=self.clock)
                try:
                    record = self._patience.undisturbed(timing)
                except InferenceError as error:
                    # One network that a runtime cannot execute must not cost all the others.
                    said = str(error).replace(str(model), "the network")
                    state.add(FailureRecord(visit.network, visit.turn, self.clock.date_s(), said))
                    check_failures(state, len(self.plan.networks))
                    continue
                state.add(record)
                yield record

    @contextmanager
    def _canary(self, scratch: Path, state: CampaignState) -> Iterator[Callable[[], None]]:
        """Keeps the reference loaded; yields what times it once more."""
        model = scratch / "canary.onnx"
        self.space.export_onnx(None, model)
        settings = self.settings
        session: Session = self.runtime.open(
            model, threads=settings.threads, precision=settings.precision
        )
        with closing(session):
            warm_up(session.run, self.clock, seconds=settings.canary_rule.min_seconds)

            def again() -> None:
                record: CanaryRecord = time_canary(session, settings, self.clock)
                state.add(record)

            yield again


def _progress(state: CampaignState, total: int) -> Progress:
    first, last = state.canaries[0].latency_ms, state.canaries[-1].latency_ms
    failed = state.failed
    # A failed network's two visits count as done: nothing of it is left to do.
    done = sum(visit.network not in failed for visit in state.visits) + 2 * len(failed)
    return Progress(min(done, total), total, last / first)
