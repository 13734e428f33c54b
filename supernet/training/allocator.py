"""Keeps freed memory in the process: training allocates the same large blocks in every step.

glibc returns blocks of more than 32 MB to the system and faults them in again, which costs a
training step on CPUs 5 to 10 % (docs/decisions).
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGE = (1 << 31) - 1


def keep_freed_memory() -> bool:
    """Raises glibc's thresholds; returns whether the C library has them."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library, such as musl
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _LARGE), (_M_TOP_PAD, 1 << 26))
    return all(bool(mallopt(name, value)) for name, value in settings)
