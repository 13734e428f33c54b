"""Makes a bundle: whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from evolution import provenance
from evolution.bundle.choice import ENGINES, Choice
from evolution.bundle.expected import expected_latency
from evolution.bundle.formats import Made, make_model
from evolution.bundle.here import check_installed
from evolution.bundle.manifest import (
    GOLDEN,
    PREPROCESSING,
    Checked,
    Manifest,
    Tolerance,
    is_bundle,
    write_sums,
)
from evolution.bundle.standalone import difference
from evolution.bundle.subject import Subject, load_subject
from evolution.bundle.words import LICENCES, README, licences, readme
from evolution.result import Result, load_result
from luts.errors import UserError
from luts.files import check_writable, writable_folder, write_json
from luts.target import load_target

GOLDEN_EXAMPLES = 2
EXACT = 1e-4  # of exports in fp32 from PyTorch, relative to the largest value
# Other devices sum in another order, which the updates amplify.
ON_DEVICE = 1e-3
_CUT = 64  # pixels by which a free size is tried smaller
_ROOM = 2.0  # of what was measured here, for devices that round otherwise


def export_bundle(
    run: Path, choice: Choice, out: Path, *, replace: bool = False, data: Path | None = None
) -> Manifest:
    """Writes the winner of a finished run as a bundle.

    Args:
        run: folder of a finished run.
        choice: format, precision and form.
        out: the folder to be; must not exist, or be empty.
        replace: whether it may be a bundle, which is replaced.
        data: where the examples that the run was scored on lie now (None: where they were).

    Returns:
        Its manifest.

    Raises:
        UserError: wrong choice or place, no finished run, or a package is missing.
        InferenceError: a runtime refuses the network.
    """
    result = load_result(run)
    target = load_target(result.target)
    choice.check(target)
    taken = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if taken and not (replace and is_bundle(out)):
        raise UserError(f"'{out}' exists; choose another --out")
    check_installed(choice)
    check_writable(out.parent)
    subject = load_subject(run, data)
    writable_folder(out.parent)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as name:
        folder = Path(name) / "bundle"
        folder.mkdir()
        made = make_model(subject, choice, target, folder, result.provenance.threads)
        manifest = _fill(folder, subject, result, choice, made)
        write_sums(folder)
        for path in folder.iterdir():
            path.chmod(0o644)
            with path.open("rb") as written:
                os.fsync(written.fileno())
        if taken:
            shutil.rmtree(out)
        folder.replace(out)
    return manifest


def _fill(
    folder: Path, subject: Subject, result: Result, choice: Choice, made: Made
) -> Manifest:
    outputs = [made.predict(inputs) for inputs in subject.task.inputs]
    truths = [subject.truth(inputs) for inputs in subject.task.inputs]
    checked = _check(subject, made, outputs, truths)
    if choice.dynamic:
        smaller = {name: np.ascontiguousarray(value[..., :-_CUT, :-_CUT])
                   for name, value in subject.task.inputs[0].items()}
        apart = difference("largest", made.predict(smaller), subject.truth(smaller))
        checked = checked.model_copy(update={
            "largest_difference": max(apart, checked.largest_difference),
            "on": f"{checked.on}, also {_CUT} rows and columns smaller"})
    exact = choice.precision == "fp32"
    if not checked.mean_difference < 1 or (exact and not checked.largest_difference <= EXACT):
        allowed = f"{EXACT:g}" if exact else "below 1 in the mean"
        raise UserError(
            f"the {choice.format} model in {choice.precision} differs from PyTorch by "
            f"{checked.largest_difference:.2g} of the largest output ({checked.mean_difference:.2g}"
            f" in the mean; allowed {allowed}), so nothing was exported")
    golden: dict[str, Any] = {}
    for number, (inputs, truth) in enumerate(zip(subject.task.inputs, truths, strict=True)):
        if number < GOLDEN_EXAMPLES:
            golden |= {f"{number}:{name}": value for name, value in inputs.items()}
            golden[f"{number}:output"] = truth
    np.savez_compressed(folder / GOLDEN, **golden)
    described = dict(subject.task.preprocessing)
    described["shapes"] = made.facts.shapes
    write_json(folder / PREPROCESSING, described)
    mean = checked.mean_difference
    if made.rounded is not None:
        rounded = [made.rounded(inputs) for inputs in subject.task.inputs]
        mean = max(mean, *map(partial(difference, "mean"), rounded, truths))
    assert result.best.architecture is not None
    manifest = Manifest(
        recipe=result.recipe, target=result.target,
        device_names=load_target(result.target).device_names,
        architecture=result.best.architecture, objective=result.objective,
        budget_ms=result.constraint.latency_ms,
        threads=result.provenance.threads, verified=result.verified, reason=result.reason,
        model=made.facts, expected=expected_latency(result, choice),
        tolerance=_tolerance(checked, mean, exact=exact), checked=checked, made=provenance.now(),
        provenance=result.provenance,
    )
    manifest.save(folder)
    here = files("evolution.bundle")
    runner = "tensorrt" if choice.format in ENGINES else choice.runtime
    for source, name in ((here / "standalone.py", "verify.py"),
                         (here / "runners" / f"{runner}.py", "runner.py")):
        (folder / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    for name, text in ((LICENCES, licences(subject, result.recipe)), (README, readme(manifest))):
        (folder / name).write_text(text, encoding="utf-8")
    return manifest


def _check(
    subject: Subject, made: Made, outputs: list[Any], truths: list[Any]
) -> Checked:
    pairs = list(zip(outputs, truths, strict=True))
    return Checked(
        on=made.on,
        largest_difference=max(difference("largest", *pair) for pair in pairs),
        mean_difference=max(difference("mean", *pair) for pair in pairs),
        metrics=subject.task.score(outputs), torch_metrics=subject.task.score(truths),
    )


def _tolerance(checked: Checked, mean: float, *, exact: bool) -> Tolerance:
    if exact:
        return Tolerance(
            measure="largest", relative=ON_DEVICE,
            reason=f"fp32; it was {checked.largest_difference:.2g} where it was made, and other "
                   "devices sum in another order")
    return Tolerance(
        measure="mean", relative=max(_ROOM * mean, ON_DEVICE),
        reason=f"{_ROOM:g} times the {mean:.2g} that was measured where it was made, at least "
               f"{ON_DEVICE:g}")
