"""Runs a plan on a device: every network twice, a canary between, a journal of it all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from luts.errors import InferenceError
from luts.fingerprint import code_hash
from luts.space import OperatorSpace
from luts.table import LatencyTable
from profiler._assemble import by_network, disagreeing, lower_planned
from profiler._bench import Bench, open_bench
from profiler._clock import Clock, SystemClock
from profiler._failures import check_failures
from profiler._gauges import Gauges
from profiler._patience import Patience
from profiler._records import FailureRecord, VisitRecord
from profiler._result import build_table
from profiler._slowness import Slowness
from profiler._state import CampaignState
from profiler._visit import time_network
from profiler.device import identify_cpu
from profiler.plan import Plan, Visit
from profiler.runtimes import Runtime
from profiler.settings import Progress, Settings

_MEASURING = (
    "_assemble", "_bench", "_canary", "_clock", "_coverage", "_exporter", "_failures",
    "_gauges", "_pace", "_patience", "_records", "_result", "_robust", "_sampling", "_slowness",
    "_state", "_stopping", "_visit", "attribution", "campaign", "device", "measurement", "plan",
    "settings", "timing",
)


class Campaign:
    """One campaign: a plan, how it is timed, and the folder of its journal and table.

    Args:
        space: the space that was planned.
        plan: what to measure.
        runtime: what executes the networks.
        folder: where the journal and the table lie.
        settings: how to time.
        clock: clocks to read; the machine's by default.
        gauges: of the device; those that it has by default.
    """

    def __init__(
        self, space: OperatorSpace, plan: Plan, runtime: Runtime, folder: Path,
        *, settings: Settings | None = None, clock: Clock | None = None,
        gauges: Gauges | None = None,
    ) -> None:
        self.space = space
        self.plan = plan
        self.runtime = runtime
        self.folder = folder
        self.settings = settings or Settings()
        self.clock = clock or SystemClock()
        self.gauges = gauges
        self._patience = Patience(self.clock, self.settings.patience_s)

    def header(self) -> dict[str, Any]:
        """What must be equal for two sittings to belong to one campaign (but ``created``)."""
        return {
            "format": 1,
            "recipe": self.plan.recipe,
            "plan_hash": self.plan.hash,
            "planned": len(self.plan.networks),
            "space_hash": self.plan.space_hash,
            "code_hash": code_hash(measuring_sources()),
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
        with open_bench(
            self.space, self.runtime, self.settings, self.clock, self.gauges
        ) as bench:
            for block in self.plan.blocks:
                for _ in self._block(block, state, bench):
                    report(_progress(state, total))
            most = int(self.settings.third_visits * len(self.plan.networks))
            slowness = Slowness.fit(state.visits, state.canaries)
            again = disagreeing(by_network(state.visits), most, slowness.of)
            for _ in self._block([Visit(n, 2) for n in again], state, bench):
                report(_progress(state, total + len(again)))
            if len(again) or not state.canaries:
                state.add(bench.canary())

    def _block(
        self, block: Sequence[Visit], state: CampaignState, bench: Bench
    ) -> Iterator[VisitRecord]:
        done = {(visit.network, visit.turn) for visit in state.visits}
        rest = [visit for visit in block
                if (visit.network, visit.turn) not in done and visit.network not in state.failed]
        with tempfile.TemporaryDirectory(dir=bench.scratch) as name:
            networks = self.plan.networks
            models = bench.exporter.export(
                {v.network: networks[v.network].vector for v in rest}, Path(name)
            )
            for visit in rest:
                if visit.network in state.failed:
                    continue
                if len(state.visits) % self.settings.canary_every == 0:
                    state.add(bench.canary())
                model = models[visit.network]
                placed = lower_planned(self.space, networks[visit.network])
                timing = partial(time_network, visit, placed, model, self.runtime,
                                 settings=self.settings, clock=self.clock, probe=bench.probe,
                                 gauges=bench.gauges,
                                 usual_ms=state.canaries[-1].latency_ms)
                try:
                    record = self._patience.undisturbed(timing)
                except InferenceError as error:
                    # One network that a runtime cannot execute must not cost all the others.
                    said = str(error).replace(str(model), "the network")
                    self._fail(state, visit, said)
                    continue
                if record.throttled:
                    # A table of throttled latencies would be wrong and look right.
                    self._fail(state, visit, "heat or power slowed the device all the while")
                    continue
                state.add(record)
                yield record

    def _fail(self, state: CampaignState, visit: Visit, said: str) -> None:
        state.add(FailureRecord(visit.network, visit.turn, self.clock.date_s(), said))
        check_failures(state, len(self.plan.networks))


def measuring_sources() -> list[Path]:
    """Files that decide what a timing is; not those of other commands."""
    folder = Path(__file__).parent
    return [*(folder / f"{name}.py" for name in _MEASURING), *folder.glob("runtimes/*.py")]


def _progress(state: CampaignState, total: int) -> Progress:
    first, last = state.canaries[0].latency_ms, state.canaries[-1].latency_ms
    failed = state.failed
    # A failed network's two visits count as done: nothing of it is left to do.
    done = sum(visit.network not in failed for visit in state.visits) + 2 * len(failed)
    return Progress(min(done, total), total, last / first)
