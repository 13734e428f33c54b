"""Pictures of the dashboard are taken of every page, and complaints fail them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import dashboard_pictures
from evolution.service.core import Service
from evolution.service.store.models import Device, Resource
from luts.errors import UserError
from tests.evolution.service.browsers import chromium
from tests.evolution.service.runs import add_run, search
from tests.evolution.service.sites import listening, settings


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
def test_every_page_is_taken(tmp_path: Path) -> None:
    service = Service.open(settings(tmp_path / "data"))
    for number in (1, 2):
        add_run(service, search(tmp_path / f"run{number}", seed=number))
    caller = service.local_caller()
    assert caller is not None
    with service.database.write() as session:
        session.add(Device(machine="box", name="cpu", target="cpu", info={}, fence=0,
                           seen_at_s=service.clock()))
        session.add(Resource(
            kind="table", target="cpu", key="a-table", origin="upload", files=[], job_id=None,
            user_id=caller.user_id, created_at_s=0.0, info={"rows": 12}))
    out = tmp_path / "pictures"
    with listening(service) as url:
        assert dashboard_pictures.main(server=url, token=None, live=None, out=out) == 0
        with pytest.raises(UserError, match="job 1 is done and told no progress"):
            dashboard_pictures.main(server=url, token=None, live=1, out=out)
    names = {path.name.removeprefix("dashboard-").removesuffix(".png") for path in out.iterdir()}
    assert names == {"jobs", "devices", "runs", "tables", "table", "run", "run-whole", "run-dark",
                     "run-dark-whole", "comparison", "report"}
    taken = [path.read_bytes() for path in out.iterdir()]
    assert all(content.startswith(b"\x89PNG") for content in taken)
    # None was taken while the page before was still there.
    assert len(set(taken)) == len(taken)
