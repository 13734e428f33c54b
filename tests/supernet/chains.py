"""What tests of spaces of chains share."""

import numpy as np

from luts._costs import cost_of


def multiply_adds(space, architecture):
    """Of convolutions and linear layers; an operator counts one more operation a result."""
    operators = [placed.operator for placed in space.lower(architecture)]
    return sum((op.flops - int(np.prod(cost_of(op).output))) / 2 for op in operators
               if op.kind in ("conv", "linear"))
