"""What keeps this process from running: quotas, priority, virtual machine, environment."""

from __future__ import annotations

from pathlib import PurePosixPath

from profiler._system import Check, Finding, System, UnreadableError, usable_cpus

_GROUPS = "sys/fs/cgroup"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                     "NUMEXPR_NUM_THREADS")
_OTHER_VARIABLES = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT", "OMP_PROC_BIND",
                    "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "LD_PRELOAD")


def quota(system: System) -> Finding:
    """How much processor time the container may use, under either version of control groups."""
    found = [limit for limit in (*_quotas_v2(system), *_quotas_v1(system)) if limit is not None]
    if not found:
        return Finding("CPU quota", "ok", "no limit")
    cores = min(found)
    words = f"{cores:g} core(s): beyond that all threads are paused together"
    advice = "run outside the container, or without a CPU limit (docker: no --cpus)"
    return Finding("CPU quota", "bad" if cores < 1 else "warn", words, advice)


def _groups(system: System) -> list[tuple[list[str], str]]:
    """Controllers (none: version 2) and path of each group of this process."""
    lines = [line.split(":", 2) for line in system.read("proc/self/cgroup").splitlines()]
    return [(controllers.split(",") if controllers else [], path) for _, controllers, path in lines]


def _quotas_v2(system: System) -> list[float | None]:
    found: list[float | None] = []
    for controllers, path in _groups(system):
        if not controllers:
            for folder in _upward(path):
                for base in (_GROUPS, f"{_GROUPS}/unified"):
                    name = f"{base}{folder}/cpu.max"
                    if system.has(name):
                        most, period = system.read(name).split()
                        found.append(None if most == "max" else int(most) / int(period))
    return found


def _quotas_v1(system: System) -> list[float | None]:
    found: list[float | None] = []
    for controllers, path in _groups(system):
        if "cpu" in controllers:
            for folder in _upward(path):
                for base in (f"{_GROUPS}/cpu", f"{_GROUPS}/{','.join(controllers)}"):
                    name = f"{base}{folder}/cpu.cfs_quota_us"
                    if system.has(name):
                        most = int(system.read(name))
                        period = int(system.read(f"{base}{folder}/cpu.cfs_period_us"))
                        found.append(None if most < 0 else most / period)
    return found


def _upward(path: str) -> list[str]:
    """A group and those that hold it; inside a container only the root may be there."""
    place = PurePosixPath("/" + path.lstrip("/"))
    return ["" if str(item) == "/" else str(item) for item in (place, *place.parents)]


def checked_quota(system: System) -> Finding:
    """`quota`, where control groups can be seen at all."""
    if not system.glob(f"{_GROUPS}/*"):
        raise UnreadableError(f"/{_GROUPS}: this system does not show it")
    return quota(system)


def priority(system: System) -> Finding:
    """Whether this process yields to others."""
    # The command, in brackets, may hold anything.
    fields = system.read("proc/self/stat").rpartition(")")[2].split()
    nice = int(fields[16])
    if nice > 0:
        return Finding("priority", "warn", f"nice {nice}: other processes go first",
                       "start without nice")
    return Finding("priority", "ok", f"nice {nice}")


def virtual_machine(system: System) -> Finding:
    """Whether other machines may share these cores."""
    lines = system.read("proc/cpuinfo").splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), None)
    product = "sys/class/dmi/id/product_name"
    if flags is None and not system.has("sys/hypervisor/type") and not system.has(product):
        raise UnreadableError("/proc/cpuinfo: has no flags that would say so")
    if "hypervisor" in (flags or ()) or system.has("sys/hypervisor/type"):
        return Finding("virtual machine", "warn", "this is one: others may share its cores",
                       "watch the stolen time; prefer dedicated cores")
    return Finding("virtual machine", "ok", "none is seen")


def environment(system: System) -> Finding:
    """Variables that decide how many threads compute and how they wait."""
    shown = {name: system.environ[name] for name in (*_THREAD_VARIABLES, *_OTHER_VARIABLES)
             if name in system.environ}
    words = ", ".join(f"{name}={value}" for name, value in shown.items()) or "nothing is set"
    cores = len(usable_cpus(system))
    for name in _THREAD_VARIABLES:
        value = shown.get(name, "")
        if value.isdigit() and int(value) > cores:
            return Finding("environment", "bad", f"{words}; there are {cores} core(s)",
                           f"unset {name}, or set it to {cores} at most")
    if shown.get("OMP_WAIT_POLICY", "").upper() == "ACTIVE" or shown.get(
        "KMP_BLOCKTIME", ""
    ).lower() == "infinite":
        return Finding("environment", "warn", f"{words}: idle threads keep cores busy",
                       "export OMP_WAIT_POLICY=PASSIVE")
    if "LD_PRELOAD" in shown:
        return Finding("environment", "warn", f"{words}: a library is put under every program",
                       "unset LD_PRELOAD, unless it belongs to what you deploy")
    return Finding("environment", "ok", words)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("CPU quota", checked_quota), ("priority", priority), ("virtual machine", virtual_machine),
    ("environment", environment),
)
