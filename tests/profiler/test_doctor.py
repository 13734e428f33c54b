from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from profiler import _doctor_clock, _doctor_limits
from profiler._clock import SystemClock
from profiler._diagnosis import diagnose
from profiler._doctor_gpu import gpu_findings
from profiler._doctor_load import load, moment, other_work, steal, swap
from profiler._doctor_spin import Spin, spin, time_slices
from profiler._system import Finding, System, UnreadableError, cpu_list, run_checks
from tests.commands import run_module

CPU = "sys/devices/system/cpu"
Fake = Callable[..., System]

QUIET = {
    "proc/stat": "cpu  100 0 0 900 0 0 0 0 0 0\ncpu0 50 0 0 450 0 0 0 0\ncpu1 50 0 0 450 0 0 0 0",
    "proc/loadavg": "0.10 0.10 0.10 1/90 77",
    "proc/swaps": "Filename Type Size Used Priority",
    "proc/vmstat": "pswpin 5\npswpout 7\npgfault 1",
    "proc/cpuinfo": "model name : x\nflags : fpu avx2\ncpu MHz : 2000.0\ncpu MHz : 2010.0",
    "proc/self/status": "Name: python\nCpus_allowed_list:\t0-1",
    "proc/self/stat": "7 (a (b) c) R " + " ".join(["0"] * 15) + " 0 0",
    "proc/self/cgroup": "0::/user/me",
    "sys/fs/cgroup/cgroup.controllers": "cpu",
    "sys/fs/cgroup/user/me/cpu.max": "max 100000",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "performance",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "performance",
    f"{CPU}/cpu0/cpufreq/scaling_driver": "intel_pstate",
    f"{CPU}/intel_pstate/no_turbo": "1",
    f"{CPU}/smt/active": "0",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "0",
    f"{CPU}/cpu1/thermal_throttle/core_throttle_count": "0",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "sys/class/power_supply/AC/type": "Mains",
}


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    def make(changes: dict[str, str | None] | None = None, environ: dict[str, str] | None = None,
             ) -> System:
        """The quiet machine with changed files; None takes one away."""
        for name, text in {**QUIET, **(changes or {})}.items():
            path = tmp_path / name
            if text is None:
                path.unlink(missing_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return System(tmp_path, environ or {}, pid=7)

    return make


def _check(system: System, name: str) -> Finding:
    checks = [c for c in (*_doctor_clock.CHECKS, *_doctor_limits.CHECKS) if c[0] == name]
    (finding,) = run_checks(system, checks)
    assert finding.check == name
    return finding


def test_nothing_is_wrong_with_a_quiet_machine(fake: Fake) -> None:
    system = fake()
    found = run_checks(system, [*_doctor_clock.CHECKS, *_doctor_limits.CHECKS, ("load", load)])
    assert {finding.state for finding in found} == {"ok"}
    assert all(not finding.advice for finding in found)


GOVERNOR = f"{CPU}/cpu1/cpufreq/scaling_governor"


@pytest.mark.parametrize(("check", "changes", "state", "said"), [
    ("governor", {GOVERNOR: "powersave"}, "warn", "powersave on 1"),
    ("governor", {GOVERNOR: "powersave", f"{CPU}/cpu0/cpufreq/scaling_driver": "acpi-cpufreq"},
     "bad", "powersave on 1"),
    ("governor", {GOVERNOR: "schedutil"}, "warn", "schedutil on 1"),
    ("boost", {f"{CPU}/intel_pstate/no_turbo": "0"}, "warn", "on:"),
    ("boost", {f"{CPU}/intel_pstate/no_turbo": None, f"{CPU}/cpufreq/boost": "1"}, "warn", "on:"),
    ("boost", {f"{CPU}/intel_pstate/no_turbo": None, f"{CPU}/cpufreq/boost": "0"}, "ok", "off"),
    ("boost", {f"{CPU}/intel_pstate/no_turbo": None}, "unknown", "no_turbo"),
    ("SMT", {f"{CPU}/smt/active": "1", f"{CPU}/cpu0/topology/thread_siblings_list": "0,1"},
     "warn", "0,1"),
    ("SMT", {f"{CPU}/smt/active": None}, "unknown", "smt/active"),
    ("heat", {f"{CPU}/cpu1/thermal_throttle/core_throttle_count": "3"}, "warn", "3 times"),
    ("heat", {f"{CPU}/cpu1/thermal_throttle/core_throttle_count": "many"}, "unknown", "many"),
    ("frequency", {"proc/cpuinfo": "cpu MHz : 1000\ncpu MHz : 3000"}, "warn", "1000 to 3000"),
    ("frequency", {f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "2000000"}, "ok", "2000 to 2000"),
    ("frequency", {"proc/cpuinfo": "nothing"}, "unknown", "shows no clock"),
    ("clock source",
     {"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet"}, "bad", "hpet"),
    ("battery", {"sys/class/power_supply/BAT0/status": "Discharging"}, "bad", "battery"),
    ("battery", {"sys/class/power_supply/BAT0/status": "Full"}, "ok", "plugged in"),
    ("core set", {"proc/self/status": "Cpus_allowed_list: 1"}, "warn", "1 of 2"),
    ("core set", {"proc/self/status": "Name: x"}, "unknown", "Cpus_allowed_list"),
    ("CPU quota", {"sys/fs/cgroup/user/me/cpu.max": "50000 100000"}, "bad", "0.5 core"),
    ("CPU quota", {"sys/fs/cgroup/user/cpu.max": "150000 100000"}, "warn", "1.5 core"),
    ("CPU quota", {"sys/fs/cgroup/user/me/cpu.max": "torn"}, "unknown", "understood"),
    ("CPU quota", {"proc/self/cgroup": "4:cpu,cpuacct:/docker/1\n0::/",
                   "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "25000",
                   "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}, "bad", "0.25 core"),
    ("CPU quota", {"proc/self/cgroup": "4:cpu:/docker/1",
                   "sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "-1",
                   "sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000"}, "ok", "no limit"),
    ("CPU quota", {"proc/self/cgroup": None}, "unknown", "proc/self/cgroup"),
    ("priority", {"proc/self/stat": "7 (x) R " + " ".join(["0"] * 15) + " 19 0"}, "warn",
     "nice 19"),
    ("priority", {"proc/self/stat": "7 (x) R 0"}, "unknown", "understood"),
    ("virtual machine", {"proc/cpuinfo": "flags : fpu hypervisor"}, "warn", "this is one"),
    ("virtual machine", {"proc/cpuinfo": "Features : asimd"}, "unknown", "flags"),
])
def test_findings(
    fake: Fake, check: str, changes: dict[str, str | None], state: str, said: str
) -> None:
    finding = _check(fake(changes), check)
    assert finding.state == state
    assert said in finding.found
    assert bool(finding.advice) == (state in {"warn", "bad"})


@pytest.mark.parametrize(("environ", "state"), [
    ({"OMP_NUM_THREADS": "2"}, "ok"),
    ({"OMP_NUM_THREADS": "3"}, "bad"),
    ({"MKL_NUM_THREADS": "64"}, "bad"),
    ({"OMP_WAIT_POLICY": "active"}, "warn"),
    ({"KMP_BLOCKTIME": "infinite"}, "warn"),
    ({"LD_PRELOAD": "libx.so"}, "warn"),
    ({"EDITOR": "vi"}, "ok"),
])
def test_environment(fake: Fake, environ: dict[str, str], state: str) -> None:
    finding = _check(fake(environ=environ), "environment")
    assert finding.state == state
    assert ("HOME" in finding.found) is False


def test_an_empty_machine_knows_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    found = diagnose(System(tmp_path, {}, pid=7), SystemClock(), seconds=0.01)
    states = {finding.check: finding.state for finding in found}
    assert states.pop("time slices") in {"ok", "warn", "bad"}
    assert set(states.values()) == {"unknown"}
    assert all(finding.found.startswith("cannot be") for finding in found[1:])


def _process(name: str, ticks: int) -> str:
    fields = ["S"] + ["0"] * 10 + [str(ticks), "0"] + ["0"] * 9
    return f"1 ({name}) " + " ".join(fields)


def _stat(user: int, idle: int, stolen: int = 0) -> str:
    return f"cpu  {user} 0 0 {idle} 0 0 0 {stolen} 0 0\ncpu0 0\ncpu1 0"


def test_other_work_is_named_and_our_own_is_not(fake: Fake) -> None:
    before = moment(fake({"proc/7/stat": _process("doctor", 0),
                          "proc/9/stat": _process("a (b) c", 10)}))
    after = moment(fake({"proc/stat": _stat(user=250, idle=950),
                         "proc/7/stat": _process("doctor", 70),
                         "proc/9/stat": _process("a (b) c", 90)}))
    finding = other_work(before, after, pid=7)
    # 200 ticks passed on two cores: 150 busy, 70 of them ours.
    assert (finding.check, finding.state) == ("other work", "bad")
    assert "kept 0.8 of 2 core(s) busy: a (b) c (process 9, 0.8)" in finding.found
    calm = other_work(before, moment(fake({"proc/stat": _stat(170, 1030),
                                           "proc/7/stat": _process("doctor", 70)})), pid=7)
    assert calm.state == "ok"


@pytest.mark.parametrize(("stolen", "state"), [(0, "ok"), (2, "warn"), (50, "bad")])
def test_stolen_time(fake: Fake, stolen: int, state: str) -> None:
    before = moment(fake())
    finding = steal(before, moment(fake({"proc/stat": _stat(200, 1000 - stolen, stolen)})))
    assert finding.state == state


def test_no_time_between_two_readings_is_no_division_by_zero(fake: Fake) -> None:
    now = moment(fake())
    for check in (steal, lambda a, b: other_work(a, b, 7)):
        with pytest.raises(ValueError, match="no time passed"):
            check(now, now)


def test_swap(fake: Fake) -> None:
    before = moment(fake())
    assert swap(fake(), before, moment(fake())).found == "none"
    system = fake({"proc/vmstat": "pswpin 6\npswpout 7",
                   "proc/swaps": "Filename\n/swap file 4096 2048 -2"})
    assert swap(system, before, before).found == "2 MB lie there, nothing moved"
    assert swap(system, before, moment(system)).state == "bad"
    with pytest.raises(UnreadableError):
        swap(system, before, moment(fake({"proc/vmstat": None})))


@pytest.mark.parametrize(("average", "state"), [("0.5", "ok"), ("1.9", "warn"), ("4.0", "bad")])
def test_load(fake: Fake, average: str, state: str) -> None:
    assert load(fake({"proc/loadavg": f"{average} 0 0 1/1 1"})).state == state


class _Uneven:
    """Clocks of a machine on which every tenth reading comes late, put aside or not."""

    def __init__(self, late_s: float, *, every: int = 10, runs: bool) -> None:
        self.late_s, self.every, self.runs = late_s, every, runs
        self.now = self.used = 0.0
        self.count = 0

    def wall_s(self) -> float:
        self.count += 1
        late = self.late_s if self.count % self.every == 0 else 0.0
        self.now += 0.003 + late
        self.used += 0.003 + (late if self.runs else 0.0)
        return self.now

    def cpu_s(self) -> float:
        return self.used

    def date_s(self) -> float:
        return 0.0


def test_spin_tells_even_from_uneven_work() -> None:
    even = spin(_Uneven(0.0, runs=True), seconds=3)
    assert time_slices(even).state == "ok"
    assert (even.preempted, even.slow) == (0, 0)
    aside = spin(_Uneven(0.1, every=7, runs=False), seconds=9)
    assert aside.preempted > 0.1
    assert time_slices(aside).state == "bad"
    slow = spin(_Uneven(0.1, every=7, runs=True), seconds=9)
    assert slow.preempted == 0
    assert slow.slow > 0.1
    assert time_slices(Spin(99, 0.0, 0.0, 0.02, 0)).state == "warn"
    assert time_slices(Spin(99, 0.0, 0.0, 0.04, None)).state == "bad"


def test_cpu_lists() -> None:
    assert cpu_list("0-2,8") == [0, 1, 2, 8]
    with pytest.raises(ValueError, match="x"):
        cpu_list("x")


class _NvmlError(Exception):
    pass


class _NotSupported(_NvmlError):
    pass


def _nvml(**changes: object) -> SimpleNamespace:
    def refuse(*_: object) -> None:
        raise _NotSupported("Not Supported")

    facts: dict[str, object] = {
        "nvmlDeviceGetPersistenceMode": lambda d: 1, "NVML_CLOCK_SM": 1,
        "nvmlDeviceGetClockInfo": lambda d, kind: 1400,
        "nvmlDeviceGetMaxClockInfo": lambda d, kind: 1700,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda d: 0x2,
        "nvmlDeviceGetComputeRunningProcesses": lambda d: [SimpleNamespace(pid=os.getpid())],
        "nvmlDeviceGetEccMode": lambda d: (1, 1), "nvmlDeviceGetMigMode": refuse,
        "nvmlInit": lambda: None, "nvmlShutdown": lambda: None,
        "nvmlDeviceGetHandleByIndex": lambda number: "device",
        "NVMLError": _NvmlError, "NVMLError_NotSupported": _NotSupported,
    }
    return SimpleNamespace(**(facts | changes))


def test_quiet_gpu() -> None:
    found = gpu_findings(0, _nvml())
    assert [f.state for f in found] == ["ok"] * 6


@pytest.mark.parametrize(("changes", "check", "state", "said"), [
    ({"nvmlDeviceGetPersistenceMode": lambda d: 0}, "GPU persistence", "warn", "off"),
    ({"nvmlDeviceGetCurrentClocksThrottleReasons": lambda d: 0x1}, "GPU clocks", "warn", "1400"),
    ({"nvmlDeviceGetCurrentClocksEventReasons": lambda d: 0x44}, "GPU throttling", "bad",
     "power cap, heat (hardware)"),
    ({"nvmlDeviceGetComputeRunningProcesses": lambda d: [SimpleNamespace(pid=1)]},
     "GPU processes", "bad", "process 1"),
    ({"nvmlDeviceGetEccMode": lambda d: (1, 0)}, "GPU ECC", "warn", "change"),
    ({"nvmlDeviceGetMigMode": lambda d: (1, 1)}, "GPU MIG", "warn", "divided"),
])
def test_gpu(changes: dict[str, object], check: str, state: str, said: str) -> None:
    (finding,) = (f for f in gpu_findings(0, _nvml(**changes)) if f.check == check)
    assert finding.state == state
    assert said in finding.found


def test_gpu_that_does_not_answer() -> None:
    def refuse(*_: object) -> None:
        raise _NvmlError("GPU is lost")

    (finding,) = gpu_findings(3, _nvml(nvmlDeviceGetHandleByIndex=refuse))
    assert finding.state == "unknown"
    assert "cuda:3" in finding.found
    found = gpu_findings(0, _nvml(nvmlDeviceGetPersistenceMode=refuse))
    assert [f.state for f in found] == ["unknown"] + ["ok"] * 5


def test_on_this_machine() -> None:
    done = run_module("profiler.doctor", "--json", "--strict")
    found = json.loads(done.stdout)
    assert done.returncode == any(finding["state"] == "bad" for finding in found), done.stderr
    assert len(found) == 17
    for finding in found:
        assert set(finding) == {"check", "state", "found", "advice"}
        assert finding["state"] in {"ok", "warn", "bad", "unknown"}


def test_wrong_input() -> None:
    done = run_module("profiler.doctor", "--device", "tpu")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "error: unknown device 'tpu'; known: cpu, cuda:0 (or another number)")
