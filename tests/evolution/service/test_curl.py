"""The script that asks for table, predictor and search by curl, beside toy jobs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from evolution.client import Client
from evolution.service.accounts import Role, add_token
from evolution.service.core import Service
from evolution.service.jobs.commands import Command
from evolution.service.worker.link import Link
from evolution.service.worker.loop import Worker
from tests.evolution.service.sites import listening, settings

SCRIPT = Path(__file__).parents[3] / "deploy" / "search-by-curl.sh"
FACTS = ('{"recipe": "flownas-small", "threads": 1, "precision": "fp32", "batch": 1, '
         '"runtime": "onnxruntime"}')
MADE = {
    "profile": {"tables/cpu/k/table.json": FACTS},
    "fit": {"tables/cpu/k/predictor/predictor.json": "{}"},
    "search": {"run/result.json": '{"target": "cpu"}', "run/report.html": "<p>found</p>",
               "run/best.onnx": "a network", "run/journal.jsonl": ""},
}

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def build(kind: str, parameters: dict[str, Any]) -> Command:
    """Writes what the real command of that kind would leave, at the places where it would."""
    if kind == "fit" and not parameters["accept_drift"]:
        return Command((sys.executable, "-c", "raise SystemExit('error: the device drifted')"))
    code = ("import pathlib, sys\n"
            f"for name, text in {MADE[kind]!r}.items():\n"
            "    path = pathlib.Path(name)\n"
            "    path.parent.mkdir(parents=True, exist_ok=True)\n"
            "    path.write_text(text)\n"
            "print('a \"quoted\" line', file=sys.stderr)\n")
    return Command((sys.executable, "-c", code), keeps=("tables", "run"))


def test_table_predictor_and_search_by_curl(tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data"))
    with service.database.write() as session:
        tokens = {role: add_token(session, role.value, role, 0.0)
                  for role in (Role.admin, Role.submitter, Role.worker)}
    with listening(service) as url:
        worker = Worker(
            Link(url, tokens[Role.worker], 60.0), tmp_path / "work",
            {"machine": "box", "device": "cpu", "target": "cpu", "version": "1"}, build)
        thread = threading.Thread(target=worker.run)
        thread.start()

        def call(**variables: str) -> subprocess.CompletedProcess[str]:
            environment = {"PATH": os.environ["PATH"], "METRONAS_SERVER": url,
                           "METRONAS_TOKEN": tokens[Role.submitter], **variables}
            return subprocess.run(["bash", str(SCRIPT)], cwd=tmp_path, env=environment,
                                  capture_output=True, text=True, timeout=60, check=False)

        try:
            failed = call()
            assert failed.returncode == 1
            assert failed.stderr == "the device drifted\n"
            for _ in range(2):  # the second time, the same jobs
                done = call(KEY="again", ACCEPT_DRIFT="true", EVALUATIONS="6", LATENCY="45ms")
                assert (done.returncode, done.stderr) == (0, ""), done.stdout
                lines = done.stdout.splitlines()
                assert [line for line in lines if line.endswith(": done")] == [
                    "job 3: done", "job 4: done", "job 5: done"]
                assert lines.count('  a "quoted" line') == 3
                assert set(lines[-3:]) == {"by-curl/report.html", "by-curl/result.json",
                                           "by-curl/best.onnx"}
                assert (tmp_path / "by-curl" / "report.html").read_text() == "<p>found</p>"
            refused = call(KEY="other", TARGET="cpux")
            assert refused.returncode == 1
            assert "unknown target 'cpux'" in refused.stderr
        finally:
            worker.stopping.set()
            thread.join(30)
        with Client(url, tokens[Role.admin]) as client:
            jobs = client.list("jobs", order="oldest")
    assert [job["kind"] for job in jobs] == ["profile", "fit", "profile", "fit", "search"]
    wanted = {"latency": "45ms", "evaluations": 6, "recipe": "flownas-small", "threads": 1}
    assert {name: jobs[-1]["parameters"][name] for name in wanted} == wanted
