"""Checks this bundle on the machine where it lies: needs its runtime and numpy, nothing else.

    python verify.py [--device cpu] [--latency-ms MS] [--seconds S]

Compares checksums, then outputs with the golden ones, then times the model. Prints PASS or FAIL
against the budget. Exit code: 0 for PASS, 1 for FAIL, 2 for a bundle that cannot be used here.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import math
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

MANIFEST, SUMS, GOLDEN, RUNNER = "bundle.json", "SHA256SUMS", "golden.npz", "runner.py"
FEWEST, WARM_UP = 30, 3


class UnusableError(Exception):
    """The bundle cannot be used here; one line says why."""


def check_sums(folder: Path) -> None:
    """Compares every file with its SHA-256.

    Raises:
        UnusableError: a file is missing, was changed, or has no checksum.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UnusableError(f"'{folder}' is no bundle: it has no readable {SUMS}") from None
    listed = set()
    for line in lines:
        wanted, _, name = line.partition("  ")
        if Path(name).name != name or not name:
            raise UnusableError(f"'{folder}' is tampered with: {SUMS} holds '{line}'")
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError:
            raise UnusableError(f"'{folder}' is incomplete: '{name}' cannot be read") from None
        if found != wanted:
            raise UnusableError(f"'{folder}' is tampered with or damaged: '{name}' has not the "
                                f"checksum that {SUMS} gives; copy the bundle again")
        listed.add(name)
    missing = sorted({MANIFEST, GOLDEN, RUNNER} - listed)
    if missing:
        raise UnusableError(f"'{folder}' is tampered with: {SUMS} does not list {missing[0]}")


def difference(measure: str, found: Any, golden: Any) -> float:
    """Relative difference of outputs; infinite where shapes differ or values are not finite."""
    import numpy as np

    if found.shape != golden.shape or not np.isfinite(found).all():
        return math.inf
    apart, size = np.abs(found - golden), np.abs(golden)
    reduced = np.max if measure == "largest" else np.mean
    return float(reduced(apart)) / max(float(reduced(size)), 1e-12)


def worst_difference(model: Any, golden: Any, measure: str) -> float:
    """Largest difference over the golden arrays ``<number>:<name>`` and ``<number>:output``."""
    return max(difference(measure, model.outputs(inputs), output)
               for inputs, output in pairs_of(golden))


def pairs_of(golden: Any) -> list[tuple[dict[str, Any], Any]]:
    """Inputs by name, and the output, of each golden pair."""
    numbers = sorted({name.partition(":")[0] for name in golden})
    found = []
    for number in numbers:
        arrays = {name.partition(":")[2]: golden[name] for name in golden
                  if name.startswith(f"{number}:")}
        output = arrays.pop("output")
        found.append((arrays, output))
    return found


def gpu_name(device: str) -> str:
    """What the driver calls ``cuda:N``; empty where it does not tell."""
    _, _, number = device.partition(":")
    name = ctypes.create_string_buffer(256)
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        place = ctypes.c_int()
        silent = (driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(place), int(number or 0))
                  or driver.cuDeviceGetName(name, len(name), place))
    except (OSError, ValueError):
        return ""
    return "" if silent else name.value.decode(errors="replace")


def time_ms(run: Callable[[], None], seconds: float) -> list[float]:
    """Sorted times of inferences: at least `FEWEST`, and for that many seconds."""
    for _ in range(WARM_UP):
        run()
    times: list[float] = []
    start = perf_counter()
    while len(times) < FEWEST or perf_counter() - start < seconds:
        before = perf_counter()
        run()
        times.append(1e3 * (perf_counter() - before))
    return sorted(times)


def quantile(times: list[float], share: float) -> float:
    """A quantile of sorted times, the nearest sample."""
    return times[round(share * (len(times) - 1))]


def verify(folder: Path, device: str | None, budget_ms: float | None, seconds: float) -> int:
    """The whole check; returns the exit code.

    Raises:
        UnusableError: see there.
    """
    check_sums(folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    target = manifest["target"]
    device = device or ("cpu" if target == "cpu" else "cuda:0")
    if (device == "cpu") != (target == "cpu"):
        raise UnusableError(f"this bundle is for '{target}', and --device '{device}' is none")
    called, names = "" if device == "cpu" else gpu_name(device), manifest["device_names"]
    if called and names and called not in names:
        raise UnusableError(f"this bundle is for '{target}' ({' or '.join(names)}), and '{device}' "
                            f"is a {called}")
    budget_ms = manifest["budget_ms"] if budget_ms is None else budget_ms
    try:
        import numpy as np

        model = runpy.run_path(str(folder / RUNNER))["Model"](folder, manifest, device)
    except ImportError as error:
        raise UnusableError(f"{error}; this bundle needs numpy and {manifest['model']['runtime']} "
                            f"{manifest['model']['runtime_version']}".rstrip()) from None
    except ValueError as error:
        raise UnusableError(str(error)) from None
    limit = manifest["tolerance"]
    with np.load(folder / GOLDEN, allow_pickle=False) as file:
        golden = dict(file)
    try:
        apart = worst_difference(model, golden, limit["measure"])
        model.prepare(pairs_of(golden)[0][0])
        times = time_ms(model.run, seconds)
    except Exception as error:  # noqa: BLE001 - of no common class; left alone, it would be FAIL's 1
        raise UnusableError(f"the model was loaded and cannot be executed here ({error})") from None
    median = quantile(times, 0.5)
    faults = []
    if not apart <= limit["relative"]:
        faults.append(f"outputs differ by {apart:.3g}, allowed {limit['relative']:.3g}")
    if not median <= budget_ms:
        faults.append("it is slower than the budget")
    print(f"{'FAIL' if faults else 'PASS'}: {median:.3f} ms measured on {called or device}, budget "
          f"{budget_ms:.3f} ms for {target}" + "".join(f"; {fault}" for fault in faults))
    print(f"80 % of {len(times)} inferences between {quantile(times, 0.1):.3f} and "
          f"{quantile(times, 0.9):.3f} ms; outputs differ by {apart:.3g} ({limit['measure']}, "
          f"relative; allowed {limit['relative']:.3g})")
    told = manifest["expected"]
    if told["latency_ms"] is None:
        print(f"no latency was expected: {told['of']}")
    else:
        print(f"expected ({told['basis']}; {told['of']}): {told['latency_ms']:.3f} ms, between "
              f"{told['low_ms']:.3f} and {told['high_ms']:.3f} ms")
    return 1 if faults else 0


def positive(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0; give one such as 45")
    return value


class OneLine(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2."""
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)


def main() -> int:
    """Reads the options and checks the bundle that this file lies in."""
    parser = OneLine(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", help="cpu, or cuda:0")
    parser.add_argument("--latency-ms", type=positive, help="another budget, in milliseconds")
    parser.add_argument("--seconds", type=positive, default=5.0, help="to measure for")
    options = parser.parse_args()
    try:
        return verify(Path(__file__).resolve().parent, options.device, options.latency_ms,
                      options.seconds)
    except UnusableError as error:
        print("error: " + " ".join(str(error).split()), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
