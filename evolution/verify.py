"""Command line: measures the winner of a run, or a bundle, on its target, and settles it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evolution import arguments
from luts import cli
from luts.arguments import Runtime, Wait

if TYPE_CHECKING:
    from evolution.measured import Measured
    from evolution.result import Result

_FAILED = 1
# As at the end of a search: one verdict hangs on it.
_MEASURE_SECONDS = 20.0


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, or of a bundle.")],
    *,
    device: arguments.Device = None,
    runtime: Runtime = None,
    as_json: arguments.AsJson = False,
    wait: Wait = 0.0,
) -> int:
    """Measures the winner of a run in turns with the reference: PASS or FAIL against its budget.

    A bundle (python -m evolution.export) is measured alone, after its checksums and outputs were
    compared; its verdict is written beside it.

    For a run whose target was not at hand, copy its folder to the device and call this there. The
    result and the report then hold the measurement. The exit code is 0 for PASS and 1 for FAIL.

    For instance:

        python -m evolution.verify runs/flownas-small-rtx3090-0 --device cuda:0

        python -m evolution.verify runs/quickstart --json

        python -m evolution.verify handover --device cpu
    """
    from evolution.bundle.manifest import is_bundle

    if is_bundle(run):
        return _bundle(run, device, runtime, wait, as_json=as_json)
    from evolution.result import load_result
    from evolution.settling import models, place_of, settle
    from luts.errors import UserError
    from luts.target import load_target
    from profiler.device import resolve_device
    from profiler.lock import device_lock
    from profiler.timing import measure_interleaved, runtime_for

    result = load_result(run)
    paths = models(run)
    device = device or ("cpu" if load_target(result.target).kind == "cpu" else "cuda:0")
    here = resolve_device(device)
    place = place_of(result, here.name)
    if place is None:
        raise UserError(f"'{run}' was searched for '{result.target}', and --device {device} is "
                        f"'{here.name}'; measure it on its target, or search again with --target "
                        f"{here.name}")
    made = result.provenance
    label, threads = place
    chosen = runtime_for(here.name, made.precision, runtime, device)
    with device_lock(here.name, wait_s=wait):
        measured = measure_interleaved(
            paths, target=here.name, threads=threads, precision=made.precision,
            max_seconds=_MEASURE_SECONDS, runtime=chosen,
        )
    result = settle(run, measured, runtime=f"{chosen.name} {chosen.version()}", label=label)
    found = _facts(result, device, label, measured)
    if as_json:
        print(json.dumps(found))
    else:
        _show(found)
    return 0 if found["verdict"] == "PASS" else _FAILED


def _device_of(run: Path, target: str, device: str | None) -> str:
    from luts.errors import UserError
    from luts.target import load_target
    from profiler.device import resolve_device

    device = device or ("cpu" if load_target(target).kind == "cpu" else "cuda:0")
    here = resolve_device(device)
    if here.name != target:
        raise UserError(f"'{run}' was searched for '{target}', and --device {device} is "
                        f"'{here.name}'; measure it on its target, or search again with --target "
                        f"{here.name}")
    return device


def _bundle(
    folder: Path, device: str | None, runtime: str | None, wait: float, *, as_json: bool
) -> int:
    from evolution.bundle.manifest import load_manifest
    from evolution.bundle.runtime import BundleRuntime
    from evolution.bundle.settle import settle_bundle
    from luts.errors import UserError
    from luts.files import writable_folder
    from profiler.lock import device_lock
    from profiler.timing import measure_interleaved, runtime_for

    manifest = load_manifest(folder)
    facts = manifest.model
    writable_folder(folder)  # the verdict goes there
    if runtime not in (None, facts.runtime):
        raise UserError(f"--runtime {runtime}: this bundle is for {facts.runtime}; export another "
                        f"with --format")
    device = _device_of(folder, manifest.target, device)
    # What its file says of precision is the bundle's; the probe beside it runs in fp32.
    usual = runtime_for(manifest.target, "fp32", facts.runtime, device)
    opened = BundleRuntime(folder, manifest, usual)

    def measure() -> Measured:
        return measure_interleaved(
            {"model": opened.model}, target=manifest.target, threads=manifest.threads,
            max_seconds=_MEASURE_SECONDS, runtime=opened,
        )["model"]

    with device_lock(manifest.target, wait_s=wait):
        settled = settle_bundle(folder, manifest, measure, difference=opened.difference(),
                                device=device, runtime=f"{usual.name} {usual.version()}")
    if as_json:
        print(settled.model_dump_json())
    else:
        told = manifest.expected
        known = "unknown" if told.latency_ms is None else f"{told.basis}: {told.latency_ms:.3f} ms"
        print(f"{settled.verdict}: {settled.measured.median_ms:.3f} ms measured on {device} "
              f"({settled.runtime}), budget {settled.budget_ms:.3f} ms; expected latency {known}")
        print(f"99th percentile {settled.measured.p99_ms:.3f} ms; outputs differ by "
              f"{settled.difference:.3g} from the golden ones")
        if settled.faults:
            print(f"because {'; '.join(settled.faults)}")
    return _FAILED if settled.faults else 0


def _facts(
    result: Result, device: str, label: str, measured: Mapping[str, Measured]
) -> dict[str, Any]:
    from evolution.answer import not_measured

    best, reference = measured["best"].median_ms, measured["reference"].median_ms
    limits = {limit.target: limit for limit in result.latency_limits[1:]}
    budget_ms = limits[label].limit if label else result.constraint.latency_ms
    # Other targets may be left to measure; that is no fault of this one.
    passed = result.verified or result.reason == not_measured(result.unmeasured)
    return {
        "verdict": "PASS" if passed else "FAIL", "target": label or result.target,
        "device": device, "runtime": result.provenance.runtime, "budget_ms": budget_ms,
        "verified": result.verified, "latency_ms": best, "p99_ms": measured["best"].p99_ms,
        "reference_ms": reference, "share_of_reference": best / reference,
        "reason": result.reason,
        "predicted_ms": limits[label].predicted if label else result.best.predicted_latency_ms,
        "upper_ms": limits[label].upper if label else result.best.upper_latency_ms,
    }


def _show(found: dict[str, Any]) -> None:
    print(f"{found['verdict']}: {found['latency_ms']:.3f} ms measured on {found['device']} "
          f"({found['runtime']}), budget {found['budget_ms']:.3f} ms")
    print(f"99th percentile {found['p99_ms']:.3f} ms; predicted {found['predicted_ms']:.3f}, at "
          f"most {found['upper_ms']:.3f} ms; {found['share_of_reference']:.1%} of the reference's "
          f"{found['reference_ms']:.3f} ms")
    if found["reason"]:
        print(f"because {found['reason']}")


if __name__ == "__main__":
    cli.run(main)
