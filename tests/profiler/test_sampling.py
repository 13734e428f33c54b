from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from luts.errors import UserError
from profiler._clock import SystemClock
from profiler._robust import median_error, sigma, slope, undisturbed
from profiler._sampling import sample, warm_up
from profiler._stopping import StoppingRule
from tests.simulated import SimulatedDevice


def _run(device: SimulatedDevice, latency_ms: float) -> None:
    device.spend(latency_ms * device.factor())


def _sample(device: SimulatedDevice, rule: StoppingRule, latency_ms: float = 20.0):  # type: ignore[no-untyped-def]
    return sample(lambda: _run(device, latency_ms), rule, device, watch_share=True)


def test_sigma_and_error_of_normal_scatter() -> None:
    values = np.random.default_rng(0).normal(100, 3, 4000)
    assert sigma(values) == pytest.approx(3, rel=0.05)
    medians = np.median(np.random.default_rng(1).normal(100, 3, (500, 400)), axis=1)
    assert median_error(values[:400]) == pytest.approx(medians.std() / 100, rel=0.15)


def test_undisturbed_cuts_only_what_is_far_above() -> None:
    values = np.array([10.0, 10.1, 9.9, 10.0, 8.0, 30.0, 10.05])
    assert undisturbed(values).tolist() == [True, True, True, True, True, False, True]


def test_slope_ignores_outliers() -> None:
    x = np.arange(30.0)
    y = 2 * x + 1
    y[[3, 17, 25]] += 500
    assert slope(x, y) == pytest.approx(2, rel=0.05)
    assert slope(x[:1], y[:1]) == 0


def test_stops_at_the_minimum_when_steady() -> None:
    rule = StoppingRule(min_samples=10, min_seconds=0.5, max_seconds=10)
    samples = _sample(SimulatedDevice(scatter=1e-4), rule)
    assert len(samples.latency_ms) in {25, 26}  # 0.5 s of 20 ms


def test_goes_on_until_the_error_is_small() -> None:
    rule = StoppingRule(min_samples=10, min_seconds=0.1, max_seconds=100, goal=0.005, shrink=2.0)
    samples = _sample(SimulatedDevice(scatter=0.05), rule)
    assert median_error(samples.kept()) <= 0.005
    assert len(samples.latency_ms) > 50


def test_stops_when_the_error_no_longer_shrinks() -> None:
    """A step in the middle widens the scatter, so that more samples do not help."""
    device = SimulatedDevice(scatter=0.02, slowness=lambda s: 1.0 if s < 1 else 1.2)
    rule = StoppingRule(min_samples=60, min_seconds=0.1, max_seconds=1000, goal=1e-6)
    samples = _sample(device, rule)
    assert 60 <= len(samples.latency_ms) < rule.max_samples


def test_is_bounded_by_time_and_by_count() -> None:
    never = StoppingRule(min_samples=10, max_samples=40, min_seconds=0, max_seconds=1e9,
                         goal=0, shrink=9)
    assert len(_sample(SimulatedDevice(scatter=0.1), never).latency_ms) == 40
    brief = StoppingRule(min_samples=1000, min_seconds=0, max_seconds=0.3, goal=0)
    assert _sample(SimulatedDevice(scatter=0.1), brief).seconds == pytest.approx(0.3, rel=0.15)


def test_spikes_do_not_move_the_median() -> None:
    device = SimulatedDevice(scatter=0.01, spike_share=0.3, spike=2.5)
    samples = _sample(device, StoppingRule(min_samples=60))
    assert np.median(samples.kept()) == pytest.approx(20, rel=0.01)
    assert samples.discarded > 5
    assert samples.kept().max() < 25


def test_preempted_inferences_are_known_by_their_processor_time() -> None:
    """Even where most inferences are preempted, those that were not are found."""
    device = SimulatedDevice(scatter=0.005, spike_share=0.6, spike=1.3, preempted=True)
    samples = _sample(device, StoppingRule(min_samples=40, goal=0.002))
    assert np.median(samples.kept()) == pytest.approx(20, rel=0.01)


def test_time_of_a_device_counts_in_place_of_the_hosts() -> None:
    """Neither the host's wall clock nor its being preempted matter then."""
    device = SimulatedDevice(spike_share=0.3, preempted=True)

    def run() -> float:
        _run(device, 20.0)
        return 5.0

    rule = StoppingRule(max_samples=40, min_seconds=0.0)
    samples = sample(run, rule, device, watch_share=True)
    assert set(samples.latency_ms) == {5.0}
    assert samples.discarded == 0


def test_all_preempted_still_ends_with_a_value() -> None:
    device = SimulatedDevice(spike_share=1.0, spike=2.0, preempted=True)
    samples = _sample(device, StoppingRule(min_samples=5, min_seconds=0, max_seconds=1))
    assert np.median(samples.kept()) == pytest.approx(40)


def test_warm_up_needs_time_and_runs() -> None:
    device = SimulatedDevice()
    warm_up(lambda: device.spend(30), device, seconds=0.1)
    assert device.now_s == pytest.approx(0.12)
    warm_up(lambda: device.spend(500), device, seconds=0.1, runs=2)
    assert device.now_s == pytest.approx(1.12)


@pytest.mark.parametrize("wrong", [{"min_samples": 2}, {"max_samples": 3}, {"max_seconds": 0.5}])
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError):
        StoppingRule(**wrong)  # type: ignore[arg-type]


def test_system_clock_counts_what_others_use(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 4000 500 6 7 8 90 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    clock = SystemClock(stat)
    before = clock.others_s()
    ticks, cores = os.sysconf("SC_CLK_TCK"), os.cpu_count() or 1
    stat.write_text(f"cpu  {100 + 3 * ticks} 20 30 9000 900 6 7 {8 + ticks} 99 9\n")
    # Three seconds of users and one stolen by another machine; idle, waiting and guests are none.
    assert clock.others_s() - before == pytest.approx(4 / cores, abs=0.2 / cores)
    assert math.isnan(SystemClock(tmp_path / "absent").others_s())


def test_samples_beside_busy_processes_do_not_count() -> None:
    device = SimulatedDevice(scatter=0.002, crowd=1.4, others=lambda s: 0.5 * (1 <= s < 3))
    rule = StoppingRule(min_samples=150, min_seconds=1, max_seconds=20)
    samples = _sample(device, rule)
    assert samples.kept().max() < 20.5
    assert not samples.disturbed
    assert samples.discarded > 50


def test_where_others_are_always_busy_the_figures_say_so() -> None:
    device = SimulatedDevice(scatter=0.002, crowd=1.4, others=lambda s: 0.5)
    samples = _sample(device, StoppingRule(min_samples=5, min_seconds=0.5, max_seconds=2))
    assert samples.disturbed
    assert np.median(samples.kept()) == pytest.approx(28, rel=0.02)
