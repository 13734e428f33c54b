"""Taking samples, and which of them count."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from profiler._clock import Clock
from profiler._gauges import Gauges
from profiler._robust import Floats, undisturbed
from profiler._stopping import StoppingRule

# Fewer samples than this are kept rather than thrown away.
_FEW = 3
# Below this share of a processor a single-threaded inference was put aside by the scheduler.
_LEAST_SHARE = 0.9
# Above this share of the machine, other processes take caches and memory from an inference.
MOST_OTHERS = 0.08
# Others' time is averaged over a window, less what counting it in ticks of 10 ms may add.
_WINDOW_S = 0.5
TICKS_S = 0.01


@dataclass(slots=True)
class Samples:
    """Inference times of one model, in order.

    Attributes:
        latency_ms: every sample.
        share: processor share of each sample, or 1 where it is not watched.
        seconds: time spent, between the first and the last sample.
        began_s: wall time at which each sample began.
        others_s: processor time of others, over the number of cores, at the end of each sample.
        pace_ms: times of the probe between them.
        throttled: whether heat or power slowed the device beside each sample, where that is told.
    """

    latency_ms: list[float] = field(default_factory=list)
    share: list[float] = field(default_factory=list)
    seconds: float = 0.0
    began_s: list[float] = field(default_factory=list)
    others_s: list[float] = field(default_factory=list)
    pace_ms: list[float] = field(default_factory=list)
    throttled: list[bool] = field(default_factory=list)

    def kept(self) -> Floats:
        """Samples in ms that were not disturbed, shape ``(n,)``.

        Left out are those beside which heat or power slowed the device, those that were
        preempted, those beside which other processes were busy, and those far above the median.
        Where nearly all were, the least disturbed are the best there is.
        """
        times: Floats = np.array(self.latency_ms)
        share: Floats = np.array(self.share)
        others = self._others()
        few = min(_FEW, len(times))
        cool = self._cool()
        cool = cool if cool.sum() >= few else np.ones_like(cool)
        alone = cool & (others <= max(MOST_OTHERS, np.sort(others[cool])[few - 1]))
        least = min(_LEAST_SHARE, np.sort(share[alone])[-few])
        running: Floats = times[alone & (share >= least)]
        return running[undisturbed(running)]

    @property
    def disturbed(self) -> bool:
        """Whether others were busy beside so many samples that some of those had to be kept."""
        alone = int(np.count_nonzero(self._others() <= MOST_OTHERS))
        return alone < min(_FEW, len(self.latency_ms))

    @property
    def hot(self) -> bool:
        """Whether heat or power slowed the device beside so many samples that some were kept."""
        return int(self._cool().sum()) < min(_FEW, len(self.latency_ms))

    def _cool(self) -> npt.NDArray[np.bool_]:
        told = self.throttled or [False] * len(self.latency_ms)
        return ~np.array(told, dtype=np.bool_)

    def _others(self) -> Floats:
        """Share of the machine that others used around each sample, shape ``(n,)``; 0: unknown."""
        ended = np.array(self.began_s) + np.array(self.latency_ms) / 1e3
        counted = np.array(self.others_s)
        if not len(counted) or not np.isfinite(counted).all():
            return np.zeros(len(self.latency_ms))
        middle = ended - np.array(self.latency_ms) / 2e3
        first, last = np.clip([middle - _WINDOW_S / 2, middle + _WINDOW_S / 2], ended[0], ended[-1])
        used = np.interp(last, ended, counted) - np.interp(first, ended, counted)
        found: Floats = np.maximum(used - TICKS_S, 0) / np.maximum(last - first, 1e-9)
        return found

    @property
    def discarded(self) -> int:
        """Number of samples that do not count."""
        return len(self.latency_ms) - len(self.kept())


def take(
    run: Callable[[], float | None], samples: Samples, clock: Clock, *, watch_share: bool,
    gauges: Gauges | None = None,
) -> None:
    """Times one inference and adds it.

    Args:
        run: executes one inference; may return its time in ms by the device's own clock, which
            is then what counts.
        samples: where the time is added.
        clock: clocks to read.
        watch_share: whether the inference runs in one thread, so that processor time tells
            whether it was preempted.
        gauges: asked whether the device was throttled, where given.
    """
    cpu, start = clock.cpu_s(), clock.wall_s()
    device_ms = run()
    elapsed = clock.wall_s() - start
    used = clock.cpu_s() - cpu
    samples.began_s.append(start)
    samples.others_s.append(clock.others_s())
    samples.latency_ms.append(1e3 * elapsed if device_ms is None else device_ms)
    # The host's share says nothing of time that the device's clock took.
    watched = watch_share and elapsed > 0 and device_ms is None
    samples.share.append(used / elapsed if watched else 1.0)
    samples.seconds += elapsed
    if gauges is not None:
        samples.throttled.append(gauges.throttled())


def warm_up(run: Callable[[], object], clock: Clock, *, seconds: float, runs: int = 2) -> None:
    """Runs until both a number of inferences and a time have passed."""
    start, done = clock.wall_s(), 0
    while done < runs or clock.wall_s() - start < seconds:
        run()
        done += 1


class Probe(Protocol):
    """What tells the machine's pace between inferences; see `profiler._pace.PaceProbe`."""

    @property
    def due(self) -> bool:
        """Whether it should be timed again."""

    def times_ms(self, beside_ms: float) -> list[float]:
        """Times it once or, after a long inference, several times; in ms."""


def sample(
    run: Callable[[], float | None], rule: StoppingRule, clock: Clock, *, watch_share: bool,
    probe: Probe | None = None, gauges: Gauges | None = None,
) -> Samples:
    """Times inferences until the rule is satisfied, and the probe before, between and after."""
    samples = Samples()
    with no_garbage_collection():
        if probe is not None:
            samples.pace_ms += probe.times_ms(0.0)
        while not satisfied(rule, samples):
            take(run, samples, clock, watch_share=watch_share, gauges=gauges)
            if probe is not None and probe.due:
                samples.pace_ms += probe.times_ms(samples.latency_ms[-1])
    return samples


def satisfied(rule: StoppingRule, samples: Samples) -> bool:
    """Whether sampling can end; looked at ever more rarely, for it costs time itself."""
    taken = len(samples.latency_ms)
    if taken < 3 or (taken % max(1, taken // 16) and taken < rule.max_samples):
        return False
    return rule.enough(samples.kept(), taken, samples.seconds)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keeps Python's collector out of the timings."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
