"""Who may ask what: every route of the OpenAPI document, with every role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolution.service.accounts import Role
from tests.evolution.service.sites import ROLES, Site, site

API = "/api/v1"
ROUTES: dict[tuple[str, str], Role] = {
    **dict.fromkeys([
        ("GET", "/"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/openapi.json"),
        ("GET", "/static/{name}"), ("GET", "/view/{artifact_id}/{until}/{signature}"),
    ], Role.anyone),
    **dict.fromkeys([
        ("GET", "/metrics"), ("GET", f"{API}/jobs"), ("GET", f"{API}/jobs/{{job_id}}"),
        ("GET", f"{API}/jobs/{{job_id}}/events"), ("GET", f"{API}/jobs/{{job_id}}/artifacts"),
        ("GET", f"{API}/searches"), ("GET", f"{API}/measurements"),
        ("GET", f"{API}/artifacts/{{artifact_id}}"),
        ("POST", f"{API}/artifacts/{{artifact_id}}/ticket"),
        ("GET", f"{API}/devices"), ("GET", f"{API}/targets"), ("GET", f"{API}/targets/{{name}}"),
        ("GET", f"{API}/recipes"), ("GET", f"{API}/recipes/{{name}}"),
        ("GET", f"{API}/runs/{{number}}/points"), ("GET", f"{API}/runs/{{number}}/charts"),
        ("GET", f"{API}/runs/{{number}}/architectures/{{place}}"), ("GET", f"{API}/comparison"),
        *(("GET", f"{API}/{plural}{one}") for one in ("", "/{number}") for plural in
          ("tables", "predictors", "libraries", "trainings", "runs", "models")),
    ], Role.viewer),
    **dict.fromkeys([
        ("POST", f"{API}/jobs"), ("POST", f"{API}/searches"), ("POST", f"{API}/measurements"),
        ("POST", f"{API}/jobs/{{job_id}}/cancel"), ("POST", f"{API}/models"),
        ("POST", f"{API}/tables"), ("DELETE", f"{API}/models/{{number}}"),
        ("DELETE", f"{API}/tables/{{number}}"), ("DELETE", f"{API}/jobs/{{job_id}}/artifacts"),
        ("GET", f"{API}/usage"),
    ], Role.submitter),
    **dict.fromkeys([
        ("GET", f"{API}/tokens"), ("POST", f"{API}/tokens"),
        ("DELETE", f"{API}/tokens/{{token_id}}"), ("PUT", f"{API}/users/{{name}}/quota"),
        ("GET", f"{API}/audit"),
    ], Role.admin),
    **dict.fromkeys([
        ("POST", f"{API}/workers"), ("POST", f"{API}/workers/{{worker_id}}/lease"),
        ("POST", f"{API}/leases/{{lease_id}}/heartbeat"),
        ("POST", f"{API}/leases/{{lease_id}}/finish"),
        ("POST", f"{API}/leases/{{lease_id}}/release"), ("GET", f"{API}/blobs/{{sha256}}"),
        ("HEAD", f"{API}/blobs/{{sha256}}"), ("PUT", f"{API}/blobs/{{sha256}}"),
    ], Role.worker),
}
# Spelled out, so that the test does not repeat what it tests.
MAY = {
    Role.anyone: {None, Role.viewer, Role.submitter, Role.admin, Role.worker},
    Role.viewer: {Role.viewer, Role.submitter, Role.admin},
    Role.submitter: {Role.submitter, Role.admin},
    Role.admin: {Role.admin},
    Role.worker: {Role.worker},
}
EXAMPLES = {"name": "cpu", "signature": "0" * 64, "token_id": "0" * 12, "sha256": "0" * 64,
            "until": "1"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        yield made


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method.upper(), path): operation for path, item in document["paths"].items()
            for method, operation in item.items()}


def test_every_route_is_in_the_document_and_in_this_table(guarded: Site) -> None:
    documented = operations(guarded.ask("GET", "/openapi.json", None).json())
    assert set(documented) == set(ROUTES)
    assert {key: operation["x-role"] for key, operation in documented.items()} == {
        key: role.value for key, role in ROUTES.items()}
    for path in ("/docs", "/redoc", f"{API}/nothing", "/static/../core.py"):
        assert guarded.ask("GET", path).status_code == 404


def shows_example(part: Any, schemas: dict[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a part of the document has an example, itself or in what it refers to."""
    text = json.dumps(part)
    named = [name for name in schemas if f'/schemas/{name}"' in text and name not in seen]
    return '"example' in text or any(
        shows_example(schemas[name], schemas, seen | {name}) for name in named)


def test_every_route_shows_what_goes_in_and_comes_out(guarded: Site) -> None:
    document = guarded.ask("GET", "/openapi.json", None).json()
    schemas = document["components"]["schemas"]
    bare = []
    for (method, path), operation in operations(document).items():
        parts = [part for part in operation.get("parameters", []) if part["in"] == "path"]
        # What a browser or a worker sends or gets as bytes has no text to show.
        for said in (operation.get("requestBody", {}), *(
                operation["responses"].get(status, {}) for status in ("200", "201"))):
            parts += [said["content"]["application/json"]] if "application/json" in said.get(
                "content", {}) else []
        bare += [(method, path) for part in parts if not shows_example(part, schemas)]
    assert set(bare) <= {("GET", "/openapi.json")}


@pytest.mark.parametrize(("method", "path"), list(ROUTES), ids=str)
def test_a_route_needs_its_role(guarded: Site, method: str, path: str) -> None:
    real = path
    for name in ("name", "signature", "token_id", "sha256", "until"):
        real = real.replace(f"{{{name}}}", EXAMPLES[name])
    for name in ("job_id", "artifact_id", "worker_id", "lease_id", "number", "place"):
        real = real.replace(f"{{{name}}}", "999")
    allowed = MAY[ROUTES[method, path]]
    for role in (None, *ROLES):
        status = guarded.ask(method, real, role).status_code
        if role in allowed:
            # A ticket that is no good is forbidden to all.
            assert status != 401
            assert status != 403 or path.startswith("/view/")
        else:
            assert status == (401 if role is None else 403), (role, status)


@pytest.mark.parametrize("header", [
    "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Bearer mn_000000000000_" + "A" * 43, ""])
def test_wrong_tokens_are_refused_everywhere(tmp_path: Path, header: str) -> None:
    with site(tmp_path) as made:
        for path in ("/health", f"{API}/jobs"):
            answer = made.client.get(path, headers={"Authorization": header})
            assert answer.status_code == 401


def test_a_revoked_token_is_worthless_and_secrets_are_not_kept(tmp_path: Path) -> None:
    with site(tmp_path) as made:
        token = made.ask("POST", f"{API}/tokens", json={"user": "ann", "role": "viewer"}
                         ).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert made.client.get(f"{API}/jobs", headers=headers).status_code == 200
        name = token.split("_")[1]
        assert made.ask("DELETE", f"{API}/tokens/{name}").status_code == 204
        assert made.client.get(f"{API}/jobs", headers=headers).status_code == 401
        own = made.tokens[Role.admin].split("_")[1]
        assert made.ask("DELETE", f"{API}/tokens/{own}").status_code == 409
        audited = made.ask("GET", f"{API}/audit").json()
        assert [entry["action"] for entry in audited] == ["revoke token", "make token"]
        made.service.database.engine.dispose()
        secret = token.split("_", 2)[2].encode()
        assert all(secret not in path.read_bytes() for path in tmp_path.rglob("*")
                   if path.is_file())


def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    with site(tmp_path) as made:
        codes = [made.client.get("/health", headers={"Authorization": "Bearer x"}).status_code
                 for _ in range(25)]
        assert codes == [401] * 20 + [429] * 5
        # Behind a proxy everybody comes from one address.
        assert made.ask("GET", f"{API}/jobs").status_code == 200
        assert made.ask("GET", "/health", None).status_code == 200


def test_requests_are_limited_by_token(tmp_path: Path) -> None:
    now = [0.0]
    with site(tmp_path, clock=lambda: now[0], burst=3, requests_per_s=1) as made:
        codes = [made.ask("GET", f"{API}/recipes").status_code for _ in range(5)]
        assert codes == [200] * 3 + [429] * 2
        assert made.ask("GET", f"{API}/recipes").headers["Retry-After"] == "2"
        assert made.ask("GET", f"{API}/recipes", Role.viewer).status_code == 200
        now[0] += 1.0
        assert made.ask("GET", f"{API}/recipes").status_code == 200


def test_without_tokens_only_this_machine_under_its_own_name(tmp_path: Path) -> None:
    with site(tmp_path, tokens=False) as made:
        assert made.ask("GET", f"{API}/tokens", None).status_code == 200
        for header, status in [({"Host": "evil.example"}, 401), ({"Host": "[::1]:8"}, 200),
                               ({"Host": "[::"}, 401),
                               ({"Origin": "http://evil.example"}, 403),
                               ({"Origin": "http://[::"}, 403),
                               ({"Origin": "null"}, 403), ({"Origin": "http://127.0.0.1"}, 200)]:
            assert made.ask("GET", f"{API}/jobs", None, headers=header).status_code == status
        first = {"user": "ann", "role": "viewer"}
        assert made.ask("POST", f"{API}/tokens", None, json=first).status_code == 409
        first["role"] = "admin"
        assert made.ask("POST", f"{API}/tokens", None, json=first).status_code == 201
        assert made.ask("GET", f"{API}/jobs", None).status_code == 401


def test_headers_that_browsers_heed(guarded: Site) -> None:
    headers = guarded.ask("GET", "/", None).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
