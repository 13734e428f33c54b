"""What a job's command would refuse at once is refused before it is queued."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evolution.service.errors import ServiceError
from luts.errors import UnknownNameError, UserError
from luts.operator import DTYPE_BYTES
from luts.target import load_target

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def check_search(wanted: Mapping[str, Any]) -> None:
    """Makes sure that strategy, budgets and limits of a search are such.

    Whether they can be kept is known where the table is: on the worker.

    Args:
        wanted: parameters of the search by name.

    Raises:
        ValueError: one of them is refused; the message is the command's, with the names of
            parameters.
    """
    from evolution.budget import QUANTITIES
    from evolution.options import Options, settle_recipe

    limits = {name: wanted[name] for name in QUANTITIES if wanted[name] is not None}
    try:
        settle_recipe(Options(
            wanted["target"], wanted["recipe"], wanted["latency"], strategy=wanted["strategy"],
            halving=wanted["halving"], limits=limits, pareto=wanted["pareto"]))
    except UserError as error:
        raise ValueError(as_parameters(str(error))) from None


def check_arithmetic(precision: str | None, runtime: str | None) -> None:
    """Makes sure that there are such a precision and such a runtime; workers may lack either.

    Args:
        precision: its name, or None.
        runtime: its name, or None.

    Raises:
        ValueError: there are not.
    """
    from profiler.runtimes import RUNTIMES

    for what, name, known in (("precision", precision, list(DTYPE_BYTES)),
                              ("runtime", runtime, RUNTIMES.names())):
        if name is not None and name not in known:
            raise ValueError(str(UnknownNameError(what, name, known)))


def check_estimate(target: str, precision: str, threads: int, batch: int, *, accept: bool) -> None:
    """Makes sure that a model can be estimated on a target with these.

    Args:
        target: a known target.
        precision: arithmetic precision.
        threads: threads within one operator.
        batch: so many times the model's inputs.
        accept: whether a target will do on which nothing was ever measured.

    Raises:
        ValueError: it cannot.
    """
    from predictor.unmeasured.table import refuse_without_evidence

    if load_target(target).kind == "cpu":
        if batch != 1:
            raise ValueError(f"batch {batch}: on '{target}' give the shapes of the inputs instead")
        return
    if threads != 1:
        raise ValueError(f"threads {threads}: '{target}' is a GPU, whose estimate does not depend "
                         "on threads; leave them out")
    try:
        refuse_without_evidence(target, precision, accept=accept)
    except UserError as error:
        raise ValueError(as_parameters(str(error))) from None


def is_estimated(target: str, threads: int, *, accept: bool) -> bool:
    """Whether a search finds an estimate where a target has no table.

    Args:
        target: target name.
        threads: threads that the network runs on.
        accept: whether a target will do on which nothing was ever measured.

    Raises:
        ServiceError: there is one without evidence, which was not accepted.
    """
    from predictor.unmeasured.record import load_laws
    from predictor.unmeasured.table import refuse_without_evidence

    if threads != 1 or target not in load_laws().targets:
        return False
    try:
        refuse_without_evidence(target, "fp32", accept=accept)
    except UserError as error:
        raise ServiceError(as_parameters(str(error))) from None
    return True


def as_parameters(text: str) -> str:
    """A message of a command with the names of parameters in place of its options'."""
    return _OPTION.sub(lambda found: found[1].replace("-", "_"), text)
