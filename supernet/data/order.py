"""Order and seeds of examples: settled by numbers, the same on every machine."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

_ORDER = 0


@lru_cache(maxsize=2)
def shuffled(seed: int, number: int, length: int) -> torch.Tensor:
    """The order of a round through all examples, shape ``(length,)``.

    Args:
        seed: of the training.
        number: of the round.
        length: examples in a round.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, _ORDER, number))
    return torch.randperm(length, generator=generator)


def seed_of(*numbers: int) -> int:
    """A seed that depends on all of the numbers."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
