"""Where search spaces are found by name; the networks behind them load on first use."""

from __future__ import annotations

from luts.registry import Registry
from luts.space import OperatorSpace

SPACES: Registry[OperatorSpace] = Registry(
    "recipe",
    "metronas.spaces",
    {
        "flownas": "supernet.spaces.flownas:flownas",
        "flownas-small": "supernet.spaces.flownas:flownas_small",
    },
)


def load_space(name: str) -> OperatorSpace:
    """The space that a recipe searches.

    Raises:
        UnknownNameError: no such name.
    """
    return SPACES.get(name)()
