"""Models and tables from outside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from evolution.service.accounts import Role
from evolution.service.api.routing import Routes, audit, caller_of, service_of
from evolution.service.api.views import ResourceView, resource_view
from evolution.service.catalogue import MODEL, TABLE
from evolution.service.core import Service
from evolution.service.errors import ServiceError
from evolution.service.store.models import Resource
from evolution.service.uploads.judging import judge

routes = Routes("resources")
_TABLE_FILES = ("table.json", "table.parquet", "networks.parquet")
_PATH = re.compile(r"[/\\\x00]|^\.\.?$")
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def _form(*names: str) -> dict[str, Any]:
    parts = {name: {"type": "string", "format": "binary"} for name in names}
    schema = {"type": "object", "required": list(names), "properties": parts}
    return {"requestBody": {"required": True,
                            "content": {"multipart/form-data": {"schema": schema}}}}


@routes.add("POST", "/models", Role.submitter, status_code=201, openapi_extra=_form("model.onnx"))
async def upload_model(request: Request) -> ResourceView:
    """Takes an ONNX model, weights inside: ``curl -F model.onnx=@resnet18.onnx``."""
    async with request.form(max_files=1, max_fields=0) as form:
        given = str(getattr(form.get("model.onnx"), "filename", None) or "model")
        # A label for people; it never becomes a path, but who sends one means no good.
        if _PATH.search(given):
            raise ServiceError(f"file name '{given[:100]}' must be a name, not a path")
        name = _PLAIN.sub("_", given)[:100].strip("._-")
        return await _take(request, form, MODEL, ("model.onnx",), name or "model")


@routes.add("POST", "/tables", Role.submitter, status_code=201,
            openapi_extra=_form(*_TABLE_FILES))
async def upload_table(request: Request) -> ResourceView:
    """Takes a latency table that was measured elsewhere; its provenance is kept."""
    async with request.form(max_files=3, max_fields=0) as form:
        return await _take(request, form, TABLE, _TABLE_FILES, "")


async def _take(request: Request, form: FormData, kind: str, names: tuple[str, ...], key: str
                ) -> ResourceView:
    given = {name: form.get(name) for name in names}
    if set(form) != set(names) or not all(isinstance(f, UploadFile) for f in given.values()):
        raise ServiceError(f"send these files as multipart/form-data: {', '.join(names)}")
    files = {name: file for name, file in given.items() if isinstance(file, UploadFile)}
    view: ResourceView = await run_sync(_keep, request, kind, files, key)
    return view


def _keep(request: Request, kind: str, files: dict[str, UploadFile], key: str) -> ResourceView:
    service, caller = service_of(request), caller_of(request)
    with service.blobs.scratch() as folder:
        for name, file in files.items():
            with (folder / name).open("wb") as copy:
                while chunk := file.file.read(1 << 20):
                    copy.write(chunk)
        info = judge(kind, folder)
        kept = [_file(service, folder / name) for name in files]
    if kind == TABLE:
        key = (f"{info['recipe']}-{info['runtime']}-{info['precision']}-b{info['batch']}"
               f"-t{info['threads']}")
    with service.database.write() as session:
        resource = Resource(
            kind=kind, target=info.get("target", ""), key=key, info=info, files=kept,
            origin="upload", user_id=caller.user_id, job_id=None, created_at_s=service.clock())
        session.add(resource)
    audit(request, "upload", f"{kind} {resource.id}", {"key": key})
    return resource_view(resource, caller.name)


def _file(service: Service, path: Path) -> dict[str, Any]:
    limit = max(service.settings.model_bytes, service.settings.table_bytes)
    sha256, size_bytes = service.blobs.put_file(path, limit_bytes=limit)
    return {"path": path.name, "sha256": sha256, "size_bytes": size_bytes}
