"""Path parameters that several routes have."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path


def _numbered(description: str, example: int) -> Any:
    return Path(ge=1, le=2**31 - 1, description=description, examples=[example])


JobId = Annotated[int, _numbered("Number of the job.", 3)]
LeaseId = Annotated[int, _numbered("Number of the lease.", 21)]
WorkerId = Annotated[int, _numbered("Number of the worker.", 2)]
ArtifactId = Annotated[int, _numbered("Number of the artifact.", 17)]
ResourceId = Annotated[int, _numbered("Number of the resource.", 12)]
PointNumber = Annotated[int, _numbered("Which of the architectures that were scored.", 17)]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file.",
                             examples=["9f86d081" * 8])]
