"""From a job to the command that carries it out; each resumes what its folder holds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evolution.run import STRUCK
from evolution.service.jobs.kinds import (
    KINDS,
    Estimate,
    Export,
    Fit,
    Library,
    Measure,
    Parameters,
    Profile,
    Search,
    Train,
    Verify,
)

# Another process may measure the device by hand; a job waits for it that long.
_WAIT_S = 3600
MODEL = "model/model.onnx"


@dataclass(frozen=True)
class Means:
    """What a worker carries jobs out with, as its operator said; never as a client did.

    Attributes:
        device: such as ``cpu`` or ``cuda:0``.
        scorers: architectures that a search scores at once; None: one, or with Ray as many as the
            cluster has processors.
        ray: address of a Ray cluster that scores them; None: this machine does.
    """

    device: str
    scorers: int | None = None
    ray: str | None = None


@dataclass(frozen=True)
class Command:
    """A command line and what it leaves.

    Attributes:
        arguments: the command line.
        output: file of the job's folder that its standard output goes to.
        keeps: folders and files of the job's folder that are handed over.
        good: exit codes that are no failure.
    """

    arguments: tuple[str, ...]
    output: str = "output.txt"
    keeps: tuple[str, ...] = ()
    good: tuple[int, ...] = (0,)


def module(name: str, *positional: str, **options: object) -> tuple[str, ...]:
    """Command line of one of the package's modules.

    Options that are None or False are left out; values are joined with ``=``, so that none is
    taken for another option.
    """
    line = [sys.executable, "-m", name, *positional]
    for key, value in options.items():
        flag = f"--{key.rstrip('_').replace('_', '-')}"
        if value is True:
            line.append(flag)
        elif isinstance(value, list):
            line += [f"{flag}={item}" for item in value]
        elif value is not None and value is not False:
            line.append(f"{flag}={value}")
    return tuple(line)


def build(kind: str, parameters: dict[str, Any], means: Means) -> Command:
    """The command of a job.

    Args:
        kind: kind of the job.
        parameters: as they were submitted.
        means: of the worker.

    Raises:
        pydantic.ValidationError: this version does not know such parameters.
        KeyError: or such a kind.
    """
    wanted = KINDS[kind].model_validate({"kind": kind, **parameters})
    return _BUILDERS[type(wanted)](wanted, means)


def _profile(wanted: Profile, means: Means) -> Command:
    return Command(module(
        "profiler.build_lut", device=means.device, recipe=wanted.recipe, threads=wanted.threads,
        networks=wanted.networks, runtime=wanted.runtime, precision=wanted.precision,
        batch=wanted.batch, budget_minutes=wanted.budget_minutes, seed=wanted.seed, resume=True,
        wait=_WAIT_S), keeps=("tables",))


def _library(wanted: Library, means: Means) -> Command:
    return Command(module(
        "profiler.build_library", device=means.device, threads=wanted.threads,
        networks=wanted.networks, budget_minutes=wanted.budget_minutes, seed=wanted.seed,
        resume=True, wait=_WAIT_S), keeps=("tables",))


def _fit(wanted: Fit, _: Means) -> Command:
    return Command(module(
        "predictor.fit", target=wanted.target, recipe=wanted.recipe, threads=wanted.threads,
        level=wanted.level, seed=wanted.seed, accept_drift=wanted.accept_drift),
        keeps=("tables",))


def _train(wanted: Train, means: Means) -> Command:
    return Command(module(
        "supernet.train", recipe=wanted.recipe, network=wanted.network, steps=wanted.steps,
        batch=wanted.batch, seed=wanted.seed, threads=wanted.threads, device=means.device,
        start_from="shipped" if wanted.start_from_shipped else None, out="training", resume=True),
        keeps=("training",))


def _search(wanted: Search, means: Means) -> Command:
    # That no network held is an answer.
    return Command(module(
        "evolution.run", target=wanted.target, recipe=wanted.recipe, latency=wanted.latency,
        pareto=wanted.pareto, verify_points=wanted.verify_points, memory_mib=wanted.memory_mib,
        parameters=wanted.parameters, flops=wanted.flops, energy_mj=wanted.energy_mj,
        halving=wanted.halving, seed=wanted.seed, strategy=wanted.strategy,
        evaluations=wanted.evaluations, threads=wanted.threads,
        accept_estimate=wanted.accept_estimate,
        weights="weights" if wanted.training is not None else None, workers=means.scorers,
        ray=means.ray, out="run", resume=True, json=True), output="summary.json", keeps=("run",),
        good=(0, STRUCK))


def _verify(_: Verify, means: Means) -> Command:
    # 1 says that the network breaks its budget, which is an answer.
    return Command(module("evolution.verify", "run", device=means.device, json=True, wait=_WAIT_S),
                   output="summary.json", keeps=("run",), good=(0, 1))


def _export(wanted: Export, _: Means) -> Command:
    return Command(module(
        "evolution.export", "run", point=wanted.point, format=wanted.format,
        precision=wanted.precision, weights="weights" if wanted.training is not None else None,
        out="bundle", replace=True), keeps=("bundle",))


def _estimate(wanted: Estimate, _: Means) -> Command:
    return Command(module(
        "predictor.estimate", MODEL, target=wanted.target, threads=wanted.threads,
        precision=wanted.precision, input=wanted.inputs, batch=wanted.batch, level=wanted.level,
        strict=wanted.strict, accept_estimate=wanted.accept_estimate, json=True),
        output="summary.json")


def _measure(wanted: Measure, _: Means) -> Command:
    return Command(module(
        "profiler.measure", MODEL, target=wanted.target, threads=wanted.threads,
        runtime=wanted.runtime, precision=wanted.precision, min_samples=wanted.min_samples,
        max_seconds=wanted.max_seconds, html="measure.html", json=True, wait=_WAIT_S),
        output="summary.json", keeps=("measure.html",))


_BUILDERS: Mapping[type[Parameters], Callable[[Any, Means], Command]] = {
    Profile: _profile, Library: _library, Fit: _fit, Train: _train, Search: _search,
    Verify: _verify, Export: _export, Estimate: _estimate, Measure: _measure,
}
