"""Command lines that error messages suggest."""

from __future__ import annotations


def build_command(target: str, recipe: str, threads: int | None = None) -> str:
    """Command line that measures a table."""
    device = "cpu" if target == "cpu" else "cuda:0"
    wanted = "" if threads is None else f" --threads {threads}"
    return f"python -m profiler.build_lut --device {device} --recipe {recipe}{wanted}"
