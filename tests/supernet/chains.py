"""What tests of spaces of chains share."""

import numpy as np
import pytest
import torch

from luts._costs import cost_of
from tests.conformance.space import SpaceConformance


class ChainConformance(SpaceConformance):
    @pytest.fixture
    def inputs(self, space):
        generator = torch.Generator().manual_seed(0)
        return [torch.rand(2, 3, space.input_height, space.input_width, generator=generator) * 255]


def multiply_adds(space, architecture):
    """Of convolutions and linear layers; an operator counts one more operation a result."""
    operators = [placed.operator for placed in space.lower(architecture)]
    return sum((op.flops - int(np.prod(cost_of(op).output))) / 2 for op in operators
               if op.kind in ("conv", "linear"))
