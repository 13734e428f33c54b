"""Tests of the server's heaps."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNTED = """
import ctypes, threading
from evolution.service.memory import share_heaps
assert share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
ready = threading.Barrier(17)
def use():
    assert libc.malloc(1000)
    ready.wait()
    ready.wait()
threads = [threading.Thread(target=use) for _ in range(16)]
[thread.start() for thread in threads]
ready.wait()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
ready.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_threads_share_few_heaps() -> None:
    told = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True,
                          check=True).stdout
    assert 1 <= told.count("<heap nr=") <= 2
