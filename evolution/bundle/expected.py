"""The latency that a bundle should have on its target, and what is known of it."""

from __future__ import annotations

from evolution.bundle.choice import OPSET, Choice
from evolution.bundle.manifest import Expected
from evolution.result import Result


def expected_latency(result: Result, choice: Choice) -> Expected:
    """What the run knows of the latency of its winner in a format and precision.

    A figure is given for what it was taken of alone: another precision, runtime or form of graph
    than the run's has an unknown latency, until it is measured on the target or, where the
    target's latencies are estimated, the estimate covers that precision.

    Args:
        result: of the run.
        choice: format and precision of the bundle.
    """
    made, best = result.provenance, result.best
    runtime = made.runtime.partition(" ")[0]
    estimated = result.latencies == "estimated" and best.measured is None
    usual = (choice.opset, choice.dynamic, choice.loop) == (OPSET, False, False)
    same = (choice.precision == made.precision and usual
            and (estimated or choice.runtime == runtime))
    if same and best.measured is not None:
        times = best.measured
        return Expected(
            basis="measured", latency_ms=times.median_ms, low_ms=times.p10_ms, high_ms=times.p90_ms,
            interval="percentiles 10 and 90 of single inferences",
            of=f"{made.runtime}, {made.precision}",
        )
    if same:
        return _predicted(best.predicted_latency_ms, best.upper_latency_ms,
                          f"{made.runtime}, {made.precision}")
    if estimated and usual and best.architecture is not None:
        found = _estimate(result, choice.precision)
        if found is not None:
            return _predicted(*found, f"{made.runtime}, {choice.precision}")
    return Expected(
        basis="unknown", latency_ms=None, low_ms=None, high_ms=None, interval="none",
        of=f"the run knows {made.runtime} in {made.precision} with fixed shapes, written out, "
           f"where its winner has {_figure(result)}",
    )


def _predicted(latency_ms: float, upper_ms: float, of: str) -> Expected:
    return Expected(
        basis="predicted", latency_ms=latency_ms, low_ms=latency_ms**2 / upper_ms,
        high_ms=upper_ms, of=of,
        interval="the upper bound of the prediction, and as far below it in logarithm",
    )


def _estimate(result: Result, precision: str) -> tuple[float, float] | None:
    from luts.errors import UserError
    from predictor.unmeasured.table import load_estimated

    try:
        space, _, predictor = load_estimated(result.target, result.recipe, precision=precision)
    except UserError:  # no estimate in that precision
        return None
    assert result.best.architecture is not None
    vector = space.encode(space.architecture(result.best.architecture))
    found = predictor.predict(vector[None])
    return float(found.latency_ms[0]), float(found.upper_ms[0])


def _figure(result: Result) -> str:
    best = result.best
    if best.measured is not None:
        return f"{best.measured.median_ms:.3f} ms measured"
    return f"{best.predicted_latency_ms:.3f} ms predicted"
