"""What decides how fast a core runs: governor, boost, siblings, heat, battery, clock source."""

from __future__ import annotations

from collections import Counter

from profiler._system import Check, Finding, System, UnreadableError, usable_cpus

_CPU = "sys/devices/system/cpu"
# Drivers whose "powersave" still raises the clock under load.
_SELF_GOVERNED = ("intel_pstate", "amd-pstate", "amd-pstate-epp")
_SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit")
_SPREAD = 0.1


def governor(system: System) -> Finding:
    """Which policy picks the clock."""
    found = Counter(system.read_all(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_governor"))
    words = ", ".join(f"{name} on {count} core(s)" for name, count in found.most_common())
    if set(found) == {"performance"}:
        return Finding("governor", "ok", words)
    drivers = set(system.read_all(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_driver"))
    slow = "powersave" in found and not drivers <= set(_SELF_GOVERNED)
    return Finding("governor", "bad" if slow else "warn",
                   f"{words}: the clock follows the load instead of staying up",
                   "sudo cpupower frequency-set -g performance")


def boost(system: System) -> Finding:
    """Whether the clock may rise above its base, as long as heat and neighbours allow."""
    intel, other = f"{_CPU}/intel_pstate/no_turbo", f"{_CPU}/cpufreq/boost"
    if system.has(intel):
        on, command = system.read(intel) == "0", f"echo 1 | sudo tee /{intel}"
    elif system.has(other):
        on, command = system.read(other) == "1", f"echo 0 | sudo tee /{other}"
    else:
        raise UnreadableError(f"neither /{intel} nor /{other} is there")
    if not on:
        return Finding("boost", "ok", "off")
    return Finding("boost", "warn", "on: the clock depends on heat and on what other cores do",
                   f"for steadier, slower figures: {command}")


def siblings(system: System) -> Finding:
    """Whether two logical cores share one real one."""
    if system.read(f"{_CPU}/smt/active") == "0":
        return Finding("SMT", "ok", "no logical cores that share a real one are in use")
    pairs = sorted(set(system.read_all(f"{_CPU}/cpu[0-9]*/topology/thread_siblings_list")))
    shared = [pair for pair in pairs if "," in pair or "-" in pair]
    shown = "; ".join(shared[:4]) + ("; ..." if len(shared) > 4 else "")
    return Finding("SMT", "warn", f"logical cores share real ones ({shown}): work on one slows the "
                   "other", "keep the sibling idle, pin with taskset, or switch SMT off")


def throttling(system: System) -> Finding:
    """How often heat slowed a core since the start of the machine."""
    counts = system.read_all(f"{_CPU}/cpu[0-9]*/thermal_throttle/core_throttle_count")
    total = sum(map(int, counts))
    if total == 0:
        return Finding("heat", "ok", "no core was throttled since the machine started")
    return Finding("heat", "warn", f"cores were throttled {total} times since the machine started",
                   "look whether the count rises while you measure; cool better or boost less")


def frequencies(system: System) -> Finding:
    """Whether cores run at different clocks right now."""
    if system.glob(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq"):
        mhz = [int(khz) / 1e3
               for khz in system.read_all(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq")]
    else:
        lines = system.read("proc/cpuinfo").splitlines()
        mhz = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    if not mhz:
        raise UnreadableError("/proc/cpuinfo: shows no clock, nor does cpufreq")
    words = f"{min(mhz):.0f} to {max(mhz):.0f} MHz over {len(mhz)} core(s)"
    if max(mhz) - min(mhz) <= _SPREAD * max(mhz):
        return Finding("frequency", "ok", words)
    return Finding("frequency", "warn", f"{words}: cores idle or differ",
                   "pin to like cores with taskset, and use the performance governor")


def clock_source(system: System) -> Finding:
    """Whether reading the time is cheap."""
    name = system.read("sys/devices/system/clocksource/clocksource0/current_clocksource")
    if name in _SLOW_CLOCKS:
        return Finding("clock source", "bad", f"{name}: each reading of the time is slow",
                       "boot with tsc as the clock source, if it is stable here")
    return Finding("clock source", "ok", name)


def battery(system: System) -> Finding:
    """Whether the machine runs from a battery."""
    if not system.has("sys/class/power_supply"):
        raise UnreadableError("/sys/class/power_supply: this system does not show it")
    states = [system.read(path) for path in system.glob("sys/class/power_supply/*/status")]
    if "Discharging" in states:
        return Finding("battery", "bad", "the machine runs from its battery, which slows it",
                       "plug it in")
    words = "plugged in" if states else "no battery"
    return Finding("battery", "ok", words)


def core_set(system: System) -> Finding:
    """Whether this process may use all cores."""
    usable = usable_cpus(system)
    online = [path for path in system.glob(f"{_CPU}/cpu[0-9]*") if path[-1].isdigit()]
    if not online:
        raise UnreadableError(f"/{_CPU}: shows no cores")
    if len(usable) >= len(online):
        return Finding("core set", "ok", f"all {len(online)} core(s) may be used")
    return Finding("core set", "warn", f"{len(usable)} of {len(online)} cores may be used",
                   "make sure that nobody else is given the same ones")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("governor", governor), ("boost", boost), ("SMT", siblings), ("frequency", frequencies),
    ("heat", throttling), ("clock source", clock_source), ("battery", battery),
    ("core set", core_set),
)
