"""Keeps freed memory in the process: training allocates the same large blocks in every step.

glibc returns blocks of more than 32 MB to the system and faults them in again, which costs a
training step on CPUs 5 to 10 % (docs/decisions).
"""

from __future__ import annotations

from luts.heaps import MMAP_THRESHOLD, TOP_PAD, TRIM_THRESHOLD, set_heaps

_LARGE = (1 << 31) - 1


def keep_freed_memory() -> bool:
    """Raises glibc's thresholds; returns whether the C library has them."""
    return set_heaps([(MMAP_THRESHOLD, _LARGE), (TRIM_THRESHOLD, _LARGE), (TOP_PAD, 1 << 26)])
