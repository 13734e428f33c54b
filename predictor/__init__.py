"""Predicts latencies from measured tables, each with an upper bound that can carry a limit."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`predictor.estimate`, loaded when it is used; it is a module that can be called."""
    if name == "estimate":
        import importlib

        return importlib.import_module("predictor.estimate")
    raise AttributeError(f"module 'predictor' has no attribute '{name}'")
