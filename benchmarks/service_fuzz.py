"""Does any request make the service fail?

    pip install schemathesis
    python -m benchmarks.service_fuzz --cases 10000 --journal fuzz.jsonl --minutes 10

Requests are made from the OpenAPI document, valid ones and broken ones, and answered in process by
a service that holds a few jobs, files and resources. An answer of 5xx, or none, is a failure. The
work is cut into rounds of a few requests for each route; with ``--journal``, rounds that were done
are not done again, so that a long run can be had in pieces. ``schemathesis`` is no dependency.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import _arguments
from luts import cli
from luts.errors import UserError
from luts.files import Journal, write_json

# Fewer examples for a seed would mostly be its simplest.
_PER_ROUND = 20
_FAILED = 1
_SHOWN = 10


def main(
    cases: Annotated[int, typer.Option(min=1, help="Requests, spread over the routes.")] = 10_000,
    journal: Annotated[
        Path | None, typer.Option(help="File by which a later call goes on from here.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after the piece that ends then.")
    ] = None,
    out: _arguments.FiguresFile = None,
) -> int:
    """Counts answers by status, and names the requests that made the service fail."""
    import importlib.util

    if importlib.util.find_spec("schemathesis") is None:
        raise UserError("schemathesis is not installed; pip install schemathesis")
    until_s = None if minutes is None else time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="metronas-fuzz-") as name:
        kept = Journal(journal or Path(name) / "fuzz.jsonl")
        try:
            routes = _ask_all(Path(name), cases, kept, until_s)
        finally:
            kept.close()
    figures = _figures(kept.records, routes, cases)
    _show(figures)
    if out is not None:
        write_json(out, figures)
    return _FAILED if figures["failures"] else 0


def _ask_all(folder: Path, cases: int, kept: Journal, until_s: float | None) -> int:
    """Does the pieces that are not done yet; returns how many routes there are."""
    from benchmarks._fuzzed import Fuzzed

    done = {(record["round"], record["route"]) for record in kept.records}
    with Fuzzed(folder) as service:
        labels = service.labels
        rounds = -(-cases // (_PER_ROUND * len(labels)))
        for number in range(rounds):
            for label in labels:
                if (number, label) in done:
                    continue
                if until_s is not None and time.monotonic() > until_s:
                    return len(labels)
                statuses, failures = service.ask(label, number, _PER_ROUND)
                kept.append({"round": number, "route": label, "statuses": statuses,
                             "failures": failures})
    return len(labels)


def _figures(records: list[dict[str, Any]], routes: int, wanted: int) -> dict[str, Any]:
    statuses: Counter[str] = Counter()
    failures: dict[str, str] = {}
    for record in records:
        statuses.update(record["statuses"])
        failures |= record["failures"]
    return {"cases": sum(statuses.values()), "wanted": wanted, "routes": routes,
            "routes_asked": len({record["route"] for record in records}),
            "statuses": dict(sorted(statuses.items())),
            "server_errors": sum(count for status, count in statuses.items() if status >= "500"),
            "failures": [f"{what}: {how}" for what, how in failures.items()]}


def _show(figures: dict[str, Any]) -> None:
    from benchmarks._figures import show

    show("Answers", ["status", "requests"], list(figures["statuses"].items()))
    print(f"{figures['cases']} of {figures['wanted']} requests, {figures['routes_asked']} of "
          f"{figures['routes']} routes, {figures['server_errors']} answers of 5xx, "
          f"{len(figures['failures'])} kinds of failures")
    for failure in figures["failures"][:_SHOWN]:
        print(failure[:500])


if __name__ == "__main__":
    cli.run(main)
