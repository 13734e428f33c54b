"""A runtime on the first GPU, or a skip that says what is missing."""

from __future__ import annotations

import pytest

from luts.errors import UserError
from profiler.runtimes import RUNTIMES, Runtime, load_runtime


def loaded(name: str) -> Runtime:
    if not RUNTIMES.get(name)().available():
        pytest.skip(f"the package '{name}' is not installed")
    try:
        return load_runtime(name, RUNTIMES.get(name)().precisions[0], "cuda:0")
    except UserError as error:
        pytest.skip(str(error))
