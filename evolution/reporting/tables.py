"""The report's figures in words: headline, comparison, rounds, provenance."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evolution.result import NetworkResult, Result

_UNKNOWN = "not measured"


def headline(result: Result) -> str:
    """Cards with what matters most."""
    name, best, reference = result.objective, result.best, result.reference
    budget = result.constraint.latency_ms
    mine, theirs = best.metrics.get(name), reference.metrics.get(name)
    cards = [
        _latency_card(best, budget),
        _card(
            f"{name}, searched",
            _number(mine),
            "" if mine is None or not theirs else f"{mine / theirs - 1:+.1%} against the reference",
        ),
        _card(
            f"{name}, reference",
            _number(theirs),
            f"{reference.predicted_latency_ms:.2f} ms predicted"
            if reference.measured_latency_ms is None
            else f"{reference.measured_latency_ms:.2f} ms measured",
        ),
        _card(
            "parameters",
            f"{best.parameters / 1e6:.3f} M",
            f"reference {reference.parameters / 1e6:.3f} M",
        ),
    ]
    return "".join(cards)


def comparison(result: Result) -> str:
    """Winner and reference side by side."""
    best, reference = result.best, result.reference
    rows = [
        ("predicted latency", *(f"{n.predicted_latency_ms:.3f} ms" for n in (best, reference))),
        ("upper bound", *(f"{n.upper_latency_ms:.3f} ms" for n in (best, reference))),
        *_foretold(result),
        ("measured latency, median", *(_ms(n, "median_ms") for n in (best, reference))),
        ("measured latency, p10 to p90",
         *(f"{n.measured.p10_ms:.3f} to {n.measured.p90_ms:.3f} ms" if n.measured else _UNKNOWN
           for n in (best, reference))),
        ("measured latency, p99", *(_ms(n, "p99_ms") for n in (best, reference))),
        ("samples", *(str(n.measured.samples) if n.measured else _UNKNOWN
                      for n in (best, reference))),
        ("parameters", *(f"{n.parameters:,}" for n in (best, reference))),
    ]
    for name in best.metrics:
        theirs = _number(reference.metrics[name]) if name in reference.metrics else "-"
        rows.append((name, _number(best.metrics[name]), theirs))
    return table(("", "searched", "reference"), rows)


def _foretold(result: Result) -> list[tuple[str, str, str]]:
    told = result.foretold
    if told is None:
        return []
    return [("estimated from afar (upper bound)",
             f"{told.best_ms:.3f} ({told.best_upper_ms:.3f}) ms",
             f"{told.reference_ms:.3f} ({told.reference_upper_ms:.3f}) ms")]


_LIMITS = {
    "latency_ms": ("latency", "ms"), "memory_mib": ("memory, estimated", "MiB"),
    "parameters": ("parameters", ""), "flops": ("operations", "FLOPs"),
    "energy_mj": ("energy, bound", "mJ"),
}


def limits(result: Result) -> str:
    """Every constraint, and how the winner keeps it; nothing for runs that did not list them."""
    rows = []
    for limit in result.limits:
        title, unit = _LIMITS.get(limit.name, (limit.name, ""))
        rows.append((
            f"{title} on {limit.target}" if limit.target else title,
            *(_amount(value, unit) for value in (limit.limit, limit.predicted, limit.upper)),
            _UNKNOWN if limit.measured is None else _amount(limit.measured, unit),
            _amount(limit.reference, unit),
        ))
    heads = ("constraint", "limit", "predicted", "upper bound, corrected", "measured",
             "reference, predicted")
    return table(heads, rows) if rows else ""


def _amount(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if value >= 1e4 else f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()


def rounds(result: Result) -> str:
    """Each candidate that was measured, and what became of it."""
    rows = []
    for number, done in enumerate(result.rounds, start=1):
        check = done.check
        rows.append((
            str(number),
            f"{done.predicted_latency_ms:.3f} ms",
            f"{done.upper_latency_ms:.3f} ms",
            f"{check.best.median_ms:.3f} ms" if check.best else _UNKNOWN,
            f"{check.reference.median_ms:.3f} ms" if check.reference else _UNKNOWN,
            _small(check.output_error),
            _small(check.metric_error),
            "struck: " + "; ".join(check.faults) if check.faults
            else "verified" if check.best else "exported, not measured",
        ))
    return table(
        ("round", "predicted", "upper bound", "measured", "reference measured",
         "outputs differ by", "metrics differ by", "verdict"),
        rows,
    )


def provenance(result: Result) -> str:
    """What the figures depend on."""
    origin = result.provenance
    rows = [
        ("date", origin.date),
        ("target", result.target),
        ("runtime", f"{origin.runtime}, {origin.precision}, {origin.threads} threads"),
        ("commit", origin.commit or "not a checkout"),
        ("latency table", f"{origin.table} ({result.latencies})"),
        *([("behind the estimate", result.evidence)] if result.evidence else []),
        *([("behind the estimate from afar", result.foretold.evidence)] if result.foretold else []),
        ("recipe sha256", origin.recipe_sha256),
        ("seed", str(origin.seed)),
        ("bound correction", f"{result.correction:.4f}"),
    ]
    rows += [
        (f"reference on {level.target} before the search",
         f"{level.measured.median_ms:.3f} ms, {level.ratio - 1:+.1%} against its table")
        for level in result.levels
    ]
    rows += [(f"accuracy: {name}", str(value)) for name, value in origin.accuracy.items()]
    rows += [(f"device: {name}", _words(value)) for name, value in origin.device.items()]
    rows += [(f"version: {name}", value) for name, value in origin.versions.items()]
    return table(("", ""), rows)


def _words(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 160 else text[:157] + "..."


def _card(title: str, value: str, note: str) -> str:
    return (
        f'<div class="card"><div class="card-title">{escape(title)}</div>'
        f'<div class="card-value">{escape(value)}</div>'
        f'<div class="card-note">{escape(note)}</div></div>'
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """HTML of a table whose first column names the rows; everything is escaped."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(text)}</td>" for text in rest)
        + "</tr>"
        for first, *rest in rows
    )
    top = f"<thead><tr>{head}</tr></thead>" if any(heads) else ""
    return f'<div class="scroll"><table>{top}<tbody>{body}</tbody></table></div>'


def _latency_card(best: NetworkResult, budget: float) -> str:
    if best.measured_latency_ms is None:
        return _card("PREDICTED latency", f"{best.predicted_latency_ms:.2f} ms",
                     f"not measured; upper bound {best.upper_latency_ms:.2f} ms, predicted budget "
                     f"{budget:.2f} ms")
    return _card("measured latency", f"{best.measured_latency_ms:.2f} ms",
                 f"budget {budget:.2f} ms, {best.measured_latency_ms / budget:.1%} used")


def _ms(network: NetworkResult, field: str) -> str:
    return _UNKNOWN if network.measured is None else f"{getattr(network.measured, field):.3f} ms"


def _number(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4g}"


def _small(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.1e}" if value else "0"
