"""Files of runs laid out as the folders that reports are written from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evolution.evidence import EVIDENCE
from evolution.folder import JOURNAL, RECIPE, RESULT, SETTINGS
from evolution.service.errors import GoneError, NotFoundError, ServiceError
from evolution.service.store.blobs import BlobStore
from evolution.service.store.models import Resource
from luts.errors import UserError

_NEEDED = (RESULT, JOURNAL, EVIDENCE, RECIPE, SETTINGS)
_MOST_BYTES = 64 << 20


@contextmanager
def run_folders(runs: Sequence[Resource], blobs: BlobStore) -> Iterator[list[Path]]:
    """Folders ``run-NUMBER`` with what reports read of runs; gone after the block.

    Raises:
        NotFoundError: a file of a run is not there, or was removed meanwhile.
        ServiceError: one is too large to be shown; or what the block raised of the folders'
            contents, without this server's paths.
    """
    with blobs.scratch() as place:
        try:
            yield [_laid_out(run, place, blobs) for run in runs]
        except ServiceError:
            raise
        except FileNotFoundError:
            raise GoneError("files of a run were removed just now") from None
        except UserError as error:
            raise ServiceError(str(error).replace(f"{place}/", "")) from None


def _laid_out(run: Resource, place: Path, blobs: BlobStore) -> Path:
    folder = place / f"run-{run.id}"
    folder.mkdir()
    files = {file["path"]: file for file in run.files}
    for name in _NEEDED:
        if name not in files:
            raise NotFoundError(f"run {run.id} has no {name}")
        size_bytes = files[name]["size_bytes"]
        if size_bytes > _MOST_BYTES:
            raise ServiceError(f"{name} of run {run.id} is too large to be shown: {size_bytes} "
                               "bytes; download it instead")
        (folder / name).symlink_to(blobs.path(files[name]["sha256"]))
    return folder
