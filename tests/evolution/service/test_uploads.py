"""Files from outside: sound ones are kept with their facts, all others are refused."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from onnx import TensorProto, helper

from evolution.client import Client
from evolution.service.accounts import Role
from evolution.service.api.routes import uploads
from evolution.service.core import Service
from evolution.service.errors import ServiceError
from evolution.service.jobs.commands import Means, build
from evolution.service.uploads import judging
from evolution.service.worker.link import Link
from evolution.service.worker.loop import Worker
from luts.spaces import load_space
from luts.table import LatencyTable
from tests.evolution.service.sites import Site, listening, settings, site
from tests.predictor.tables import distinct, make_table

API = "/api/v1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), model_bytes=1 << 20) as made:
        yield made


def model(*, external: bool = False) -> bytes:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    if external:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", "../../../../etc/passwd"
    node = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])], [weight])
    made: bytes = helper.make_model(graph).SerializeToString()
    return made


def send(place: Site, content: bytes, name: str = "model.onnx", part: str = "model.onnx"):
    return place.ask("POST", f"{API}/models", Role.submitter, files={part: (name, content)})


def test_a_sound_model_is_kept(place: Site) -> None:
    answer = send(place, model(), "res net.onnx")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["key"], made["origin"], made["user"]) == ("res_net.onnx", "upload", "submitter")
    assert made["info"]["inputs"] == [{"name": "x", "shape": ["n", 2]}]
    (file,) = made["files"]
    assert place.service.blobs.path(file["sha256"]).read_bytes() == model()


@pytest.mark.parametrize("name", ["../../x.onnx", "/etc/passwd", "..\\x.onnx", "..", "a/b.onnx"])
def test_names_that_are_paths_are_refused(place: Site, name: str) -> None:
    answer = send(place, model(), name)
    assert (answer.status_code, "not a path" in answer.text) == (422, True), answer.text
    part = send(place, model(), part="../model.onnx")
    assert part.status_code == 422


def test_two_announced_gigabytes_are_refused_unread(place: Site) -> None:
    for path in ("models", "tables"):
        answer = place.ask("POST", f"{API}/{path}", content=b"x", headers={
            "Content-Length": str(2 << 30),
            "Content-Type": "multipart/form-data; boundary=x"})
        assert (answer.status_code, "not taken here" in answer.text) == (413, True)


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", b"\0" * (64 << 20))
    return made.getvalue()


@pytest.mark.parametrize(("content", "message"), [
    (b"", "no ONNX model"), (model()[:-20], "no ONNX model"), (b"\x80\x04}.", "no ONNX model"),
    (model(external=True), "lies in another file"), (bomb(), "no ONNX model"),
    (b"\x3a" + b"\xff\xff\xff\xff\x07" + b"x" * 100, "no ONNX model"),
    (b"x" * (2 << 20), "not taken here"),
], ids=["empty", "truncated", "pickle", "external", "zip-bomb", "two-gigabyte-header", "large"])
def test_other_models_are_refused_and_leave_nothing(
    place: Site, content: bytes, message: str
) -> None:
    before = sorted(place.service.blobs.folder.rglob("*"))
    answer = send(place, content)
    assert answer.status_code in (413, 422)
    assert message in answer.json()["detail"]
    assert str(place.service.settings.data) not in answer.text
    assert sorted(place.service.blobs.folder.rglob("*")) == before
    assert place.ask("GET", "/health").status_code == 200


def test_other_parts_are_refused(place: Site) -> None:
    assert send(place, model(), part="other").status_code == 422
    for body in (b"", b"--x\r\nbroken"):
        answer = place.ask("POST", f"{API}/models", content=body, headers={
            "Content-Type": "multipart/form-data; boundary=x"})
        assert answer.status_code in (400, 422)
    assert place.ask("POST", f"{API}/models", content=b"{}").status_code == 422


def test_uploads_that_take_their_time_hold_nobody_else_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, go_on = threading.Semaphore(0), threading.Event()

    def slow(kind: str, folder: Path) -> dict[str, object]:
        judged.release()
        assert go_on.wait(60)
        return {"inputs": []}

    monkeypatch.setattr(uploads, "judge", slow)
    service = Service.open(settings(tmp_path))
    # More than there are threads for requests.
    with listening(service) as url, ThreadPoolExecutor(50) as pool:
        def upload(number: int) -> int:
            files = {"model.onnx": (f"{number}.onnx", b"x")}
            return httpx.post(f"{url}{API}/models", files=files, timeout=60).status_code

        try:
            sent = [pool.submit(upload, number) for number in range(50)]
            assert judged.acquire(timeout=30)
            assert judged.acquire(timeout=30)
            time.sleep(0.5)
            assert httpx.get(f"{url}/ready", timeout=10).status_code == 200
            assert not judged.acquire(blocking=False)
        finally:
            go_on.set()
        assert {answer.result() for answer in sent} == {201}


def test_uploads_that_are_received_at_once_keep_within_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, go_on = threading.Event(), threading.Event()

    def slow(kind: str, folder: Path) -> dict[str, object]:
        judged.set()
        assert go_on.wait(60)
        return {"inputs": []}

    monkeypatch.setattr(uploads, "judge", slow)
    service = Service.open(settings(tmp_path, receiving_bytes=3000))
    with listening(service) as url, ThreadPoolExecutor(1) as pool:
        def upload(size: int) -> httpx.Response:
            files = {"model.onnx": ("m.onnx", b"x" * size)}
            return httpx.post(f"{url}{API}/models", files=files, timeout=60)

        def parts() -> Iterator[bytes]:
            yield b"--x\r\n"

        try:
            first = pool.submit(upload, 2000)
            assert judged.wait(30)
            refused = upload(2000)
            # What does not say how large it is counts as large as it may be.
            silent = httpx.post(f"{url}{API}/models", content=parts(), timeout=60, headers={
                "Content-Type": "multipart/form-data; boundary=x"})
        finally:
            go_on.set()
        assert first.result().status_code == 201
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
        assert re.search(r"2\.\d KiB of uploads are being received; send these 2\.\d KiB again",
                         refused.json()["detail"])
        assert silent.status_code == 503
        assert upload(5000).status_code == 201, "alone, the usual limits count"
        assert httpx.post(f"{url}{API}/models", content=parts(), timeout=60, headers={
            "Content-Type": "multipart/form-data; boundary=x"}).status_code in (400, 422)
        assert service.receiving_bytes == 0


def test_nothing_is_imported_from_an_upload(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(model())
    for name in ("onnx", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    assert judging.judge("model", tmp_path)["nodes"] == 1


def test_what_takes_too_long_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(model())
    with pytest.raises(ServiceError, match="within 0.01 s"):
        judging.judge("model", tmp_path, timeout_s=0.01)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of a real space, whose latencies are made up."""
    folder = tmp_path_factory.mktemp("table")
    space = load_space("flownas-small")
    made = make_table(space, distinct(space, 60, 0), noise=0.01, recipe="flownas-small",
                      runtime="onnxruntime", precision="fp32", target="cpu")
    made.save(folder)
    return folder


def files(table: Path) -> dict[str, tuple[str, bytes]]:
    return {path.name: (path.name, path.read_bytes()) for path in table.iterdir()}


def test_damaged_tables_are_refused(place: Site, table: Path) -> None:
    good = files(table)
    whole = good["table.parquet"][1]
    # A footer that claims more than any memory holds.
    claims = whole[:-8] + struct.pack("<i", 2**31 - 1) + whole[-4:]
    for name, content in [("table.json", good["table.json"][1][:-7]), ("table.parquet", claims),
                          ("networks.parquet", b"")]:
        damaged = {**good, name: (name, content)}
        answer = place.ask("POST", f"{API}/tables", Role.submitter, files=damaged)
        assert answer.status_code == 422, name
        assert "refused" in answer.json()["detail"]
    less = {name: file for name, file in good.items() if name != "table.parquet"}
    assert place.ask("POST", f"{API}/tables", Role.submitter, files=less).status_code == 422


def test_tables_with_latencies_that_are_no_numbers_are_refused(
    place: Site, table: Path, tmp_path: Path
) -> None:
    for name, place_of in (("rows", "latency_ms"), ("networks", "latency_ms")):
        made = LatencyTable.load(table)
        object.__setattr__(getattr(made, name)[0], place_of, float("nan"))
        made.save(tmp_path / name)
        answer = place.ask("POST", f"{API}/tables", Role.submitter, files=files(tmp_path / name))
        assert (answer.status_code, "finite" in answer.text) == (422, True), answer.text


def test_a_table_that_grows_beyond_all_memory_is_refused(
    place: Site, table: Path, tmp_path: Path
) -> None:
    """Repeated values take next to nothing in a file, and gigabytes once they are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 6000, pa.int32()), ["x" * 1_000_000])
    path = tmp_path / "table.parquet"
    # Without the schema of its writer, readers make plain strings of it.
    pq.write_table(pa.table({"operator": repeated}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 1 << 16
    info = LatencyTable.load(table).info
    digests = {**info.content_sha256, path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    info.model_copy(update={"content_sha256": digests}).write(tmp_path / "table.json")
    grown = {**files(table), **files(tmp_path)}
    answer = place.ask("POST", f"{API}/tables", Role.submitter, files=grown)
    assert answer.status_code == 422, answer.text
    # It was read, and not refused for something else.
    assert "edited" not in answer.text
    assert place.ask("GET", "/health").status_code == 200


def test_an_uploaded_table_is_fitted_by_a_real_job(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Folders are given as people give them, relative to where they are.
    monkeypatch.chdir(tmp_path)
    service = Service.open(settings(Path("data")))
    with listening(service) as url, Client(url) as client:
        made = client.upload_table(table)
        assert made["key"] == "flownas-small-onnxruntime-fp32-b1-t1"
        assert made["info"]["identity"] == LatencyTable.load(table).identity
        job = client.submit("fit", target="cpu")
        worker = Worker(Link(url, None, 60.0), Path("work"), {
            "machine": "box", "device": "cpu", "target": "cpu", "version": "1"},
            partial(build, means=Means("cpu")))
        thread = threading.Thread(target=worker.run)
        thread.start()
        ended = client.wait(job["id"])
        worker.stopping.set()
        thread.join(30)
        assert ended["state"] == "done", ended["message"]
        (fitted,) = client.list("predictors")
        assert fitted["info"]["table"] == made["id"]
        assert "predictor.json" in {file["path"] for file in fitted["files"]}
