"""Path parameters that several routes have."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

_LAST = 2**31 - 1
JobId = Annotated[int, Path(ge=1, le=_LAST, description="Number of the job.", examples=[3])]
LeaseId = Annotated[int, Path(ge=1, le=_LAST, description="Number of the lease.")]
WorkerId = Annotated[int, Path(ge=1, le=_LAST, description="Number of the worker.")]
ArtifactId = Annotated[int, Path(ge=1, le=_LAST, description="Number of the artifact.")]
ResourceId = Annotated[int, Path(ge=1, le=_LAST, description="Number of the resource.")]
PointNumber = Annotated[int, Path(ge=1, le=_LAST, examples=[17],
                                  description="Which of the architectures that were scored.")]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file.")]
