"""How glibc hands out memory: its settings, where the C library has them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, ARENA_MAX = -1, -2, -3, -8
"""Parameters of ``mallopt``, by ``malloc.h``."""


def set_heaps(settings: Sequence[tuple[int, int]]) -> bool:
    """Sets parameters and their values; returns whether the C library took all of them."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library, such as musl
        return False
    return all([bool(mallopt(name, value)) for name, value in settings])
