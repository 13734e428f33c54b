"""Where search spaces are found by name; the networks behind them load on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from luts.registry import Registry
from luts.space import OperatorSpace

SPACES: Registry[OperatorSpace] = Registry(
    "recipe",
    "metronas.spaces",
    {
        "bn-nas": "supernet.spaces.bn_nas:bn_nas",
        "bn-nas-small": "supernet.spaces.bn_nas:bn_nas_small",
        "da-nas": "supernet.spaces.da_nas:da_nas",
        "da-nas-small": "supernet.spaces.da_nas:da_nas_small",
        "fbnetv2-f": "supernet.spaces.fbnetv2:fbnetv2_f",
        "fbnetv2-f-fine": "supernet.spaces.fbnetv2:fbnetv2_f_fine",
        "fbnetv2-f-fine-small": "supernet.spaces.fbnetv2:fbnetv2_f_fine_small",
        "fbnetv2-f-small": "supernet.spaces.fbnetv2:fbnetv2_f_small",
        "fbnetv2-f-split": "supernet.spaces.fbnetv2:fbnetv2_f_split",
        "fbnetv2-f-split-small": "supernet.spaces.fbnetv2:fbnetv2_f_split_small",
        "flownas": "supernet.spaces.flownas:flownas",
        "flownas-small": "supernet.spaces.flownas:flownas_small",
        "fp-nas-darts": "supernet.spaces.parsec:fp_nas_darts",
        "fp-nas-darts-small": "supernet.spaces.parsec:fp_nas_darts_small",
        "nasbench-macro": "supernet.spaces.nasbench_macro:nasbench_macro",
        "parsec-chain-small": "supernet.spaces.bn_nas:parsec_chain_small",
        "parsec-darts": "supernet.spaces.parsec:parsec_darts",
        "parsec-darts-large": "supernet.spaces.parsec:parsec_darts_large",
        "parsec-darts-small": "supernet.spaces.parsec:parsec_darts_small",
    },
)


def load_space(name: str, batch: int = 1) -> OperatorSpace:
    """The space that a recipe searches, the same object every time; it must not be changed.

    Args:
        name: recipe name.
        batch: inputs per inference.

    Raises:
        UnknownNameError: no such name.
        UserError: the space cannot be had at that batch.
    """
    return _made(SPACES.get(name), batch)


@lru_cache(maxsize=8)
def _made(make: Callable[[], OperatorSpace], batch: int) -> OperatorSpace:
    # What is known of a space (`luts.lowered`) is known to all who ask for it.
    space = make()
    return space if batch == 1 else space.at_batch(batch)
