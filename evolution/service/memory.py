"""Few heaps for many threads: a server's memory stays flat.

glibc gives threads heaps of their own, up to eight a core, none of which gives back what another
could use. Requests are answered by some forty threads (docs/decisions/leased-queue.md).
"""

from __future__ import annotations

from luts.heaps import ARENA_MAX, set_heaps

_HEAPS = 2


def share_heaps() -> bool:
    """Limits the heaps of threads that begin later; returns whether the C library can."""
    return set_heaps([(ARENA_MAX, _HEAPS)])
