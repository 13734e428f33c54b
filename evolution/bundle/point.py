"""Another architecture of a search than its winner, as a run folder that can be exported."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from evolution.evidence import Evidence
from evolution.export import WEIGHTS, export_weights
from evolution.folder import EXAMPLES, JOURNAL, RECIPE, SETTINGS
from evolution.reporting.story import read_candidates
from evolution.result import NetworkResult, load_result
from evolution.scoring import Candidate
from luts.errors import UserError
from luts.files import write_json


def find_point(candidates: tuple[Candidate, ...], number: int) -> Candidate:
    """An architecture by its number, which counts what was scored from 1.

    Raises:
        UserError: there is none of that number.
    """
    if not 1 <= number <= len(candidates):
        raise UserError(f"--point {number} is not between 1 and {len(candidates)}, the number of "
                        "architectures that the run scored")
    return candidates[number - 1]


def write_point(run: Path, number: int, weights: Path | None, out: Path) -> None:
    """Writes a run folder whose network is another one that the search scored.

    It has the weights that it was scored with, inherited from the supernet; its latency is
    predicted, and so it is not verified.

    Args:
        run: folder of a finished run.
        number: which of the scored architectures, from 1.
        weights: folder of the training that the run used (None: the shipped weights).
        out: an empty folder.

    Raises:
        UserError: no finished run or no such architecture, or the run used other weights.
        CorruptFileError: one of the run's files is damaged.
    """
    from luts.spaces import load_space
    from supernet.accuracy import load_accuracy

    result, evidence = load_result(run), Evidence.load(run)
    candidate = find_point(read_candidates(run / JOURNAL), number)
    space = load_space(result.recipe)
    architecture = space.decode(np.array(candidate.vector, dtype=np.int64))
    try:
        accuracy = load_accuracy(result.recipe, weights)
    except UserError as error:
        more = "" if weights else "; or name the training that the run used with --weights"
        raise UserError(f"{error}{more}") from None
    if dict(accuracy.identity) != result.provenance.accuracy:
        raise UserError(f"'{run}' was scored with the weights {result.provenance.accuracy}, and "
                        f"these are {dict(accuracy.identity)}; name its training with --weights")
    export_weights(accuracy.network(architecture), out / WEIGHTS, {"recipe": result.recipe})
    write_json(out / EXAMPLES, accuracy.remember())
    for name in (JOURNAL, RECIPE, SETTINGS):
        shutil.copyfile(run / name, out / name)
    parts = evidence.breakdown([candidate.vector])[0].tolist()
    evidence.model_copy(update={
        "parts": tuple(zip((f.name for f in evidence.factors), parts, strict=True)),
    }).save(out)
    result.model_copy(update={
        "best": NetworkResult(
            architecture=architecture.as_json(), predicted_latency_ms=candidate.latency_ms,
            upper_latency_ms=candidate.upper_ms, measured_latency_ms=None, measured=None,
            metrics=candidate.metrics, parameters=accuracy.parameters(architecture)),
        # All of these are about the winner.
        "limits": (), "rounds": (), "engines": None, "to_verify": "",
        "verified": False,
        "reason": f"architecture {number} of the search was scored, but neither chosen nor "
                  "measured",
    }).save(out)
