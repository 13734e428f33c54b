"""Digests that tell whether two things measured or planned are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from luts.lowered import lowered
from luts.operator import PlacedOperator
from luts.space import OperatorSpace


def digest(value: Any) -> str:
    """Hex digest of a JSON value; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=8)
def space_hash(space: OperatorSpace) -> str:
    """Digest of a space's decisions and of every operator that they can lead to.

    Args:
        space: must not change afterwards.
    """
    factors = [[_placed(row) for row in rows] for rows in lowered(space)]
    decisions = [[decision.name, *decision.choices] for decision in space.decisions]
    return digest([space.name, decisions, factors, _placed(space.lower_reference())])


def code_hash(files: Iterable[Path]) -> str:
    """Digest of source files, whatever folder they lie in."""
    return digest(sorted([path.name, path.read_text()] for path in files))


def _placed(operators: Iterable[PlacedOperator]) -> list[tuple[str, str, int]]:
    return [(item.path, item.operator.key, item.repeats) for item in operators]
