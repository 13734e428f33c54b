"""Does any request make the service fail?

    pip install schemathesis
    python -m benchmarks.service_fuzz --cases 10000

Requests are made from the OpenAPI document, valid ones and broken ones, and answered in process by
a service without tokens. An answer of 5xx, or none, is a failure. ``schemathesis`` is no
dependency.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from luts import cli
from luts.errors import UserError
from luts.files import write_json

_FAILED = 1


def main(
    cases: Annotated[int, typer.Option(min=1, help="Requests, spread over the routes.")] = 10_000,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> int:
    """Counts answers by status, and names the requests that made the service fail."""
    import importlib.util

    if importlib.util.find_spec("schemathesis") is None:
        raise UserError("schemathesis is not installed; pip install schemathesis")
    with tempfile.TemporaryDirectory(prefix="metronas-fuzz-") as name:
        statuses, failures = _ask(Path(name), cases)
    figures = {"cases": sum(statuses.values()), "statuses": dict(sorted(statuses.items())),
               "failures": failures}
    print(figures)
    if out is not None:
        write_json(out, figures)
    return _FAILED if failures else 0


def _ask(folder: Path, cases: int) -> tuple[Counter[str], list[str]]:
    import hypothesis
    import schemathesis
    from fastapi.testclient import TestClient

    from evolution.service.api.app import create_app
    from evolution.service.core import Service
    from evolution.service.settings import Settings

    statuses: Counter[str] = Counter()
    failures: dict[str, str] = {}
    service = Service.open(Settings(data=folder, requests_per_s=1e9, burst=10**9))
    # Streams of jobs that nobody carries out would never end.
    service.stopping.set()
    app = create_app(service)
    with TestClient(app, base_url="http://127.0.0.1"):
        schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        operations = [result.ok() for result in schema.get_all_operations()]
        for operation in operations:
            @hypothesis.settings(
                max_examples=-(-cases // len(operations)), deadline=None, database=None,
                derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
            @hypothesis.given(case=operation.as_strategy())
            def one(case: schemathesis.Case, label: str = operation.label) -> None:
                answer = case.call(base_url="http://127.0.0.1")
                statuses[str(answer.status_code)] += 1
                if answer.status_code >= 500:
                    failures.setdefault(f"{label} {answer.status_code}", case.as_curl_command())

            one()
    return statuses, [f"{what}: {how}" for what, how in failures.items()]


if __name__ == "__main__":
    cli.run(main)
