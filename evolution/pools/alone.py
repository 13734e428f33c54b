"""Measurements that nothing of a pool disturbs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evolution.measured import Measured, Measurer
from evolution.pools.base import Pool


def alone(measure: Measurer, pool: Pool) -> Measurer:
    """Measures when the pool's workers have ended, and a cluster's own processes with them."""

    def measured(paths: Mapping[str, Path]) -> Mapping[str, Measured]:
        pool.close()
        return measure(paths)

    return measured
