from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from luts.errors import InferenceError, UserError
from luts.table import SIDECAR, LatencyTable
from profiler import campaign as campaign_module
from profiler._assemble import lower_planned
from profiler._state import JOURNAL
from profiler.campaign import Campaign, measuring_sources
from profiler.plan import make_plan
from profiler.settings import Progress, Settings, StoppingRule
from profiler.timing import runtime_for
from tests.fakes import FakeSpace
from tests.simulated import SimulatedDevice, SimulatedRuntime, SimulatedSpace, truth_ms

BRIEF = StoppingRule(min_samples=9, min_seconds=0.1, max_seconds=0.6)
SETTINGS = Settings(rule=BRIEF, canary_rule=BRIEF, canary_every=4, profiled_runs=3)


def _campaign(
    folder: Path, device: SimulatedDevice, *, networks: int = 40, canary_every: int = 4
) -> Campaign:
    space = SimulatedSpace(3)
    plan = make_plan(space, networks=networks)
    settings = replace(SETTINGS, canary_every=canary_every)
    return Campaign(space, plan, SimulatedRuntime(device), folder, settings=settings, clock=device,
                    gauges=device)


def _errors(campaign: Campaign, table: LatencyTable) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors of rows and of networks, against the truth."""
    rows = np.array([row.latency_ms / truth_ms(row.operator) - 1 for row in table.rows])
    by_vector = {item.vector: item for item in campaign.plan.networks}
    networks = []
    for sample in table.networks:
        placed = lower_planned(campaign.space, by_vector[sample.vector])
        truth = sum(truth_ms(p.operator) * p.repeats for p in placed)
        networks.append(sample.latency_ms / truth - 1)
    return rows, np.array(networks)


def test_truth_is_recovered_from_scatter_and_spikes(tmp_path: Path) -> None:
    device = SimulatedDevice(scatter=0.01, spike_share=0.05)
    campaign = _campaign(tmp_path, device)
    table = campaign.run()
    rows, networks = _errors(campaign, table)
    assert abs(np.median(rows)) < 0.005
    assert np.percentile(np.abs(networks), 90) < 0.01
    assert table.info.drift.verdict == "steady"
    assert table.info.noise < 0.01
    summed = [table.latency_ms(lower_planned(campaign.space, item))
              for item in campaign.plan.networks]
    ended = {sample.vector: sample.latency_ms for sample in table.networks}
    measured = [ended[item.vector] for item in campaign.plan.networks]
    assert np.array(summed) == pytest.approx(np.array(measured), rel=0.02)
    assert np.median(np.array(summed) / measured) == pytest.approx(1, abs=0.002)
    assert sum(sample.discarded for sample in table.networks) > 20
    assert table.info.complete


def test_drift_of_a_fifth_is_corrected_within_a_percent(tmp_path: Path) -> None:
    length_s = 15.0
    device = SimulatedDevice(scatter=0.01, slowness=lambda s: 1 + 0.2 * min(1, s / length_s))
    campaign = _campaign(tmp_path, device)
    table = campaign.run()
    assert device.now_s > 0.8 * length_s
    assert table.info.drift.verdict == "corrected"
    rows, networks = _errors(campaign, table)
    # The level is that of the middle of the campaign; what matters is that all share it.
    level = np.median(networks)
    assert np.percentile(np.abs(networks - level), 90) < 0.012
    assert np.median(np.abs(rows - level)) < 0.01
    factors = [sample.slowness for sample in table.networks]
    assert max(factors) - min(factors) > 0.1


_LEVELS = 1 + 0.05 * np.random.default_rng(5).normal(size=2000)


def _restless(s: float) -> float:
    """Speed that changes too quickly for a canary every few networks."""
    return float(np.interp(s / 1.5, np.arange(len(_LEVELS)), _LEVELS))


def test_pace_takes_quick_changes_of_speed_out(tmp_path: Path) -> None:
    """What the probe feels half as strongly (in logarithms) as the networks do."""
    seeing = _campaign(tmp_path / "seeing", canary_every=30, device=SimulatedDevice(
        scatter=0.005, slowness=_restless, paced=0.5))
    blind = _campaign(tmp_path / "blind", canary_every=30, device=SimulatedDevice(
        scatter=0.005, slowness=_restless))
    table, other = seeing.run(), blind.run()
    assert table.info.pace.sensitivity == pytest.approx(2, abs=0.6)
    assert other.info.pace.sensitivity == 0
    assert table.info.noise < 0.6 * other.info.noise
    spread = [np.std(_errors(campaign, found)[1])
              for campaign, found in ((seeing, table), (blind, other))]
    assert spread[0] < 0.6 * spread[1]


def test_drift_that_the_probe_feels_needs_no_canary(tmp_path: Path) -> None:
    device = SimulatedDevice(scatter=0.01, slowness=lambda s: 1 + 0.2 * min(1, s / 15), paced=1.0)
    campaign = _campaign(tmp_path, device)
    table = campaign.run()
    assert table.info.drift.verdict == "steady"
    rows, networks = _errors(campaign, table)
    level = np.median(networks)
    assert np.percentile(np.abs(networks - level), 90) < 0.012
    assert np.median(np.abs(rows - level)) < 0.01


def test_probe_that_tells_nothing_changes_nothing(tmp_path: Path) -> None:
    device = SimulatedDevice(scatter=0.005, probe_slowness=_restless)
    campaign = _campaign(tmp_path, device)
    table = campaign.run()
    assert table.info.pace.sensitivity < 0.05
    assert table.info.pace.spread > 0.02
    assert np.percentile(np.abs(_errors(campaign, table)[1]), 90) < 0.01


def test_throttled_samples_never_enter(tmp_path: Path) -> None:
    """Heat slows the device by two thirds for a second of every three."""
    device = SimulatedDevice(scatter=0.005, throttle=lambda s: s % 3 < 1)
    campaign = _campaign(tmp_path, device)
    table = campaign.run()
    rows, networks = _errors(campaign, table)
    assert np.abs(networks).max() < 0.02
    assert np.percentile(np.abs(rows), 90) < 0.02
    assert sum(sample.discarded for sample in table.networks) > 100
    assert len(table.networks) == len(campaign.plan.networks)
    assert not table.info.failures


def test_device_that_is_always_too_hot_gives_no_table(tmp_path: Path) -> None:
    campaign = _campaign(tmp_path, SimulatedDevice(throttle=lambda s: s > 2))
    with pytest.raises(UserError, match="heat or power slowed the device all the while"):
        campaign.run()
    assert not (tmp_path / SIDECAR).exists()


def test_timings_beside_another_program_on_the_device_are_repeated(tmp_path: Path) -> None:
    device = SimulatedDevice(scatter=0.005, company=lambda s: s % 3 < 1)
    table = _campaign(tmp_path, device).run()
    records = [json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines()]
    visits = [record for record in records if record["kind"] == "visit"]
    assert {record["others"] for record in visits if not record["disturbed"]} == {0}
    assert table.info.drift.disturbed < 0.1
    assert sum(sample.discarded for sample in table.networks) > 100


def test_rows_carry_clock_heat_and_energy(tmp_path: Path) -> None:
    table = _campaign(tmp_path, SimulatedDevice(scatter=0.001)).run()
    for sample in LatencyTable.load(tmp_path).networks:
        assert (sample.frequency_mhz, sample.temperature_c, sample.power_w) == (2000, 60, 2)
        assert sample.energy_mj == pytest.approx(2 * sample.latency_ms, rel=0.02)
    assert table.info.complete


def test_wild_machine_is_called_drifting(tmp_path: Path) -> None:
    device = SimulatedDevice(scatter=0.01, slowness=lambda s: 1.0 + (int(s * 1.7) % 2))
    table = _campaign(tmp_path, device).run()
    assert table.info.drift.verdict == "drifting"


def test_network_whose_visits_disagree_is_visited_again(tmp_path: Path) -> None:
    """A disturbance that lasts for whole visits, unlike a spike."""
    device = SimulatedDevice(scatter=0.003, slowness=lambda s: 1.25 if 3.0 < s < 3.5 else 1.0)
    campaign = _campaign(tmp_path, device)
    table = campaign.run()
    records = [json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines()]
    third = [record for record in records if record.get("turn") == 2]
    assert 1 <= len(third) <= 4
    _, networks = _errors(campaign, table)
    assert np.abs(networks).max() < 0.02


def test_samples_beside_bursts_of_other_processes_are_discarded(tmp_path: Path) -> None:
    """A stress program that is on for two of every five seconds, and slows by 15 %."""
    device = SimulatedDevice(scatter=0.005, crowd=1.15, others=lambda s: 0.5 * (s % 5 < 2))
    campaign = _campaign(tmp_path, device)
    table = campaign.run()
    alone = _campaign(tmp_path / "alone", SimulatedDevice(scatter=0.005)).run()
    _, networks = _errors(campaign, table)
    assert np.percentile(np.abs(networks), 90) < 0.015
    discarded = sum(sample.discarded for sample in table.networks)
    assert discarded > 3 * sum(sample.discarded for sample in alone.networks) + 50
    assert table.info.drift.verdict == "steady"


def test_machine_with_restless_company_is_called_disturbed(tmp_path: Path) -> None:
    device = SimulatedDevice(scatter=0.005, others=lambda s: 0.5,
                             slowness=lambda s: 1 + 0.07 * (int(s / 0.7) % 2))
    table = _campaign(tmp_path, device).run()
    assert table.info.drift.verdict == "disturbed"
    assert not table.info.drift.usable
    assert "other processes were busy beside 100%" in table.info.drift.problem
    # It waits, but not for ever.
    assert SETTINGS.patience_s < device.now_s < 2 * SETTINGS.patience_s


def test_steady_company_is_recorded_and_borne(tmp_path: Path) -> None:
    device = SimulatedDevice(scatter=0.005, crowd=1.15, others=lambda s: 0.5)
    table = _campaign(tmp_path, device).run()
    assert table.info.drift.usable
    assert table.info.drift.disturbed == 1


def test_failing_network_is_recorded_and_costs_no_other(tmp_path: Path) -> None:
    planned = _campaign(tmp_path / "plan", SimulatedDevice()).plan
    space = SimulatedSpace(3)
    rarest = min(planned.contexts, key=lambda operator: planned.contexts[operator])
    hit = [n for n, item in enumerate(planned.networks)
           if rarest in {p.operator for p in lower_planned(space, item)}]
    assert 0 < len(hit) < len(planned.networks) / 4
    device = SimulatedDevice(scatter=0.01, crashes=lambda operator: operator == rarest)
    table = _campaign(tmp_path / "failing", device).run()
    assert table.info.failures == {"simulated cannot load 'the network' (no kernel)": len(hit)}
    assert len(table.networks) == len(planned.networks) - len(hit)
    assert rarest not in table
    assert table.info.complete
    journal = (tmp_path / "failing" / JOURNAL).read_text().splitlines()
    failures = [json.loads(line) for line in journal if json.loads(line)["kind"] == "failure"]
    assert sorted(record["network"] for record in failures) == hit


def test_campaign_ends_when_more_than_a_third_fails(tmp_path: Path) -> None:
    reference = set()
    device = SimulatedDevice(crashes=lambda operator: operator not in reference)
    campaign = _campaign(tmp_path, device)
    reference |= {p.operator for p in campaign.space.lower_reference()}
    with pytest.raises(InferenceError, match=r"of \d+ networks failed, more than a third: \d+ x"):
        campaign.run()
    assert not (tmp_path / SIDECAR).exists()
    assert len((tmp_path / JOURNAL).read_text().splitlines()) < 20


def test_table_holds_what_was_planned(tmp_path: Path) -> None:
    campaign = _campaign(tmp_path, SimulatedDevice(scatter=0.01))
    seen: list[Progress] = []
    table = campaign.run(report=seen.append)
    loaded = LatencyTable.load(tmp_path)
    assert loaded.identity == table.identity
    assert loaded.info == table.info
    assert {sample.vector for sample in table.networks} == {
        item.vector for item in campaign.plan.networks
    }
    assert {row.operator for row in table.rows} >= set(campaign.plan.contexts)
    assert {s.drawn for s in table.networks} == {"uniform", "cover", "reference"}
    for row in table.rows:
        assert row.p10_ms <= row.latency_ms <= row.p90_ms
    assert [p.done for p in seen][:3] == [1, 2, 3]
    assert seen[-1].done == seen[-1].total
    assert table.info.plan_hash == campaign.plan.hash
    assert table.latency_ms(campaign.space.lower_reference()) > 0


def test_finished_campaign_is_not_measured_again(tmp_path: Path) -> None:
    table = _campaign(tmp_path, SimulatedDevice(scatter=0.01)).run()
    with pytest.raises(UserError, match="rebuild it with --force"):
        _campaign(tmp_path, SimulatedDevice()).run()
    device = SimulatedDevice()
    assert _campaign(tmp_path, device).run(resume=True).identity == table.identity
    assert device.now_s == 0
    assert _campaign(tmp_path, device).run(force=True).identity != table.identity


def test_table_without_journal_is_not_overwritten(tmp_path: Path) -> None:
    _campaign(tmp_path, SimulatedDevice()).run()
    (tmp_path / JOURNAL).unlink()
    with pytest.raises(UserError, match="finished table"):
        _campaign(tmp_path, SimulatedDevice()).run()


class _Interrupt:
    """Ctrl-C at a visit."""

    def __init__(self, visit: int) -> None:
        self.visit = visit

    def __call__(self, progress: Progress) -> None:
        if progress.done == self.visit:
            raise KeyboardInterrupt


def test_interrupted_campaign_keeps_a_partial_table_and_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _campaign(tmp_path, SimulatedDevice(scatter=0.01)).run(report=_Interrupt(17))
    partial = LatencyTable.load(tmp_path)
    assert not partial.info.complete
    assert len(partial.networks) < 40
    with pytest.raises(UserError, match=r"unfinished campaign .*17 timings.*--resume"):
        _campaign(tmp_path, SimulatedDevice()).run()
    device = SimulatedDevice(scatter=0.01, seed=9)
    device.now_s = 100.0
    table = _campaign(tmp_path, device).run(resume=True)
    whole = _campaign(tmp_path / "whole", SimulatedDevice(scatter=0.01)).run()
    assert table.info.complete
    assert [row.operator for row in table.rows] == [row.operator for row in whole.rows]
    assert [row.contexts for row in table.rows] == [row.contexts for row in whole.rows]
    assert sorted(map(str, (s.vector for s in table.networks))) == sorted(
        map(str, (s.vector for s in whole.networks))
    )


def test_campaign_of_another_plan_is_not_continued(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _campaign(tmp_path, SimulatedDevice()).run(report=_Interrupt(5))
    with pytest.raises(UserError, match="begun with other plan_hash"):
        _campaign(tmp_path, SimulatedDevice(), networks=41).run(resume=True)


def test_torn_last_record_is_measured_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _campaign(tmp_path, SimulatedDevice()).run(report=_Interrupt(9))
    journal = tmp_path / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    table = _campaign(tmp_path, SimulatedDevice()).run(resume=True)
    assert len(table.networks) == 40
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    planned = [(r["network"], r["turn"]) for r in records if r["kind"] == "visit" and r["turn"] < 2]
    assert len(planned) == len(set(planned)) == 80


def test_unwritable_folder_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(UserError, match="cannot write to folder"):
        _campaign(blocked / "out", SimulatedDevice()).run()
    assert list(tmp_path.iterdir()) == [blocked]


def test_real_networks_on_this_cpu(tmp_path: Path) -> None:
    """End to end with ONNX Runtime; only relations that hold on any machine."""
    space = FakeSpace()
    plan = make_plan(space, networks=14)
    rule = StoppingRule(min_samples=5, min_seconds=0.01, max_seconds=0.1)
    settings = Settings(rule=rule, canary_rule=rule, patience_s=0.0)
    table = Campaign(space, plan, runtime_for("cpu"), tmp_path, settings=settings).run()
    assert (tmp_path / SIDECAR).exists()
    assert table.info.runtime == "onnxruntime"
    assert table.info.device["cores"] >= 1
    for row in table.rows:
        assert row.contexts >= (3 if row.operator in plan.contexts else 1)
    for sample in table.networks:
        assert 0 <= sample.unattributed_ms < sample.latency_ms


def test_code_hash_covers_what_a_campaign_imports() -> None:
    """Else a campaign begun with other timing code would be continued."""
    root = Path(campaign_module.__file__).parents[1]
    reached, waiting = set(), [Path(campaign_module.__file__)]
    while waiting:
        source = waiting.pop()
        if source in reached:
            continue
        reached.add(source)
        for name in re.findall(r"^\s*from (profiler\.[\w.]+) import", source.read_text(), re.M):
            path = root / (name.replace(".", "/") + ".py")
            if path.exists():
                waiting.append(path)
    covered = {path.resolve() for path in measuring_sources()}
    assert covered >= {path.resolve() for path in reached}
    assert all(path.is_file() for path in covered)
