"""Searches of the service that are scored on a Ray cluster."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from socket import gethostname

import psutil
import pytest

from benchmarks._same_found import Found
from evolution.client import Client
from evolution.service.core import Service
from evolution.service.jobs.commands import Means, build
from evolution.service.queue import Limits
from evolution.service.worker.link import Link
from evolution.service.worker.loop import Worker
from tests.evolution.service.sites import listening, settings
from tests.evolution.service.test_commands import ROOT, call, refused

HAS_RAY = importlib.util.find_spec("ray") is not None


@pytest.mark.skipif(HAS_RAY, reason="ray is installed")
def test_a_worker_needs_ray_for_its_cluster(tmp_path: Path) -> None:
    done = call("evolution.worker", "--device", "cpu", "--ray", "local", cwd=tmp_path)
    assert "--ray local needs Ray; install it with" in refused(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed (extra 'scale')")
def test_a_worker_without_its_cluster_does_not_start(tmp_path: Path) -> None:
    done = call("evolution.worker", "--device", "cpu", "--ray", "127.0.0.1:9", cwd=tmp_path)
    assert "--ray 127.0.0.1:9: no cluster can be reached there" in refused(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed (extra 'scale')")
def test_a_search_that_a_cluster_scores_finds_the_same(tmp_path: Path) -> None:
    # Searching and exporting keep both processors busy, and heartbeats late.
    service = Service.open(settings(tmp_path / "data", limits=Limits(lease_s=60.0)))
    found = []
    with listening(service) as url, Client(url) as client:
        for means in (Means("cpu"), Means("cpu", scorers=2, ray="local")):
            job = client.submit("search", target="rtx3090", evaluations=4)["id"]
            worker = Worker(
                Link(url, None, 60.0), tmp_path / "work",
                {"machine": "box", "device": "cpu", "target": "cpu", "version": "1"},
                partial(build, means=means))
            thread = threading.Thread(target=worker.run)
            thread.start()
            try:
                ended = client.wait(job)
            finally:
                worker.stopping.set()
                thread.join(60)
            assert ended["state"] == "done", ended["message"]
            client.download(job, tmp_path / f"job-{job}")
            found.append(Found.of(tmp_path / f"job-{job}" / "run"))
    alone, together = found
    assert len(alone.scores) == 4
    assert together.scores == alone.scores
    assert together.winner == alone.winner


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed (extra 'scale')")
def test_a_training_that_a_cluster_carries_out_gives_the_same_weights(tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data", limits=Limits(lease_s=60.0)))
    work, wanted = tmp_path / "work", {"network": "reference", "steps": 2, "batch": 1}
    with listening(service) as url, Client(url) as client:
        # The same worker, once begun by Ray on a cluster of this machine, and once by hand.
        for command in (["evolution.cluster", "--ray", "local"], ["evolution.worker"]):
            job = client.submit("train", **wanted)["id"]
            log = tmp_path / f"{command[0]}.log"
            with log.open("wb") as said:
                process = subprocess.Popen(
                    [sys.executable, "-m", *command, "--device", "cpu", "--server", url, "--work",
                     str(work / command[0])], cwd=tmp_path, stdout=said, stderr=said,
                    env={**os.environ, "PYTHONPATH": str(ROOT)})
            try:
                ended = client.wait(job)
            finally:
                process.terminate()
                code = process.wait(60)
            assert (ended["state"], code) == ("done", 0), log.read_text()
        digests = [{file["path"]: file["sha256"] for file in client.list(f"jobs/{job}/artifacts")
                    if file["path"].endswith(".safetensors")} for job in (1, 2)]
        (device,) = client.list("devices")
    assert digests[0]
    assert digests[0] == digests[1]
    # The machine is the same one, and nothing of the cluster's is left.
    assert (device["name"], device["machine"], device["fence"]) == ("cpu", gethostname(), 2)
    assert [process for process in psutil.process_iter(["cmdline"])
            if str(work) in " ".join(process.info["cmdline"] or [])] == []
