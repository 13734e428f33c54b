"""How torch computes while a session of ours works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


class Mode:
    """How torch computes: precision, threads, without gradients.

    Args:
        device_type: ``cpu`` or ``cuda``.
        dtype: type to autocast to, if any.
        tf32: whether fp32 products may be rounded to TF32.
        threads: threads within one operator on the CPU.
    """

    def __init__(self, device_type: str, dtype: Any, *, tf32: bool, threads: int) -> None:
        self._type, self._dtype, self._tf32, self._threads = device_type, dtype, tf32, threads

    @contextmanager
    def active(self) -> Iterator[None]:
        """Sets it, and sets back what other sessions of this process rely on."""
        import torch

        with ExitStack() as stack:
            if torch.get_num_threads() != self._threads:
                stack.callback(torch.set_num_threads, torch.get_num_threads())
                torch.set_num_threads(self._threads)
            if self._type == "cuda":
                matmul = torch.backends.cuda.matmul
                stack.callback(setattr, matmul, "allow_tf32", matmul.allow_tf32)
                matmul.allow_tf32 = self._tf32
                flags: Any = torch.backends.cudnn.flags
                stack.enter_context(flags(enabled=True, benchmark=True, allow_tf32=self._tf32))
            inference: Any = torch.inference_mode()
            stack.enter_context(inference)
            if self._dtype is not None:
                # No cache: a captured graph would keep pointers into it.
                cast: Any = torch.autocast(self._type, self._dtype, cache_enabled=False)
                stack.enter_context(cast)
            yield
