"""What holds for every test."""

import os
from collections.abc import Iterator

import pytest

# One thread a test process: small tensors gain nothing from more, and barriers cost a lot.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def own_device_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither wait for a campaign that runs on this machine nor disturb it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield
