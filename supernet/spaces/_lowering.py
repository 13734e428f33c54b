"""Operators of the FlowNAS networks, placed at the paths of their modules.

In fnet instance norms stay steps of their own; in cnet batch norms are folded into the
convolution before them, with its ReLU, and the addition of the shortcut is fused into the
projection. Loops over iterations appear as repeats.
"""

from __future__ import annotations

from luts._costs import cost_of
from luts.operator import Operator, PlacedOperator
from supernet.layers.choice import CellChoice, middle_width
from supernet.raft.config import UPSAMPLE, HeadConfig

Shape = tuple[int, ...]


class Lowering:
    """Collects placed operators of one encoder or head.

    Attributes:
        placed: the operators.
        folded: weights that the network has beyond theirs, since norms are folded away.

    Args:
        norm: ``instance`` or ``batch``.
    """

    def __init__(self, norm: str = "batch") -> None:
        self.norm = norm
        self.placed: list[PlacedOperator] = []
        self.folded = 0

    def add(self, path: str, operator: Operator, repeats: int = 1) -> Shape:
        """Places an operator; returns the shape of its result."""
        self.placed.append(PlacedOperator(path, operator, repeats))
        return cost_of(operator).output

    def conv(
        self, path: str, shape: Shape, out: int, *, kernel: int = 1, stride: int = 1,
        groups: int = 1, act: str = "none", residual: int = 0, bias: int = 1, repeats: int = 1,
    ) -> Shape:
        """A convolution with half padding."""
        operator = Operator.make(
            "conv", shape, out=out, kernel=(kernel, kernel), stride=stride, groups=groups,
            act=act, residual=residual, bias=bias,
        )
        return self.add(path, operator, repeats)

    def conv_norm(
        self, conv: str, norm: str, shape: Shape, out: int, *, kernel: int = 1, stride: int = 1,
        groups: int = 1, act: str = "none", residual: int = 0, bias: int = 0,
    ) -> Shape:
        """A convolution and the norm behind it: one step or two, by the kind of norm."""
        if self.norm == "batch":
            # The norm has two weights a channel, the convolution perhaps a bias; one is left.
            self.folded += out * (1 + bias)
            return self.conv(conv, shape, out, kernel=kernel, stride=stride, groups=groups,
                             act=act, residual=residual)
        shape = self.conv(conv, shape, out, kernel=kernel, stride=stride, groups=groups,
                          bias=bias)
        return self.add(norm, Operator.make("instance_norm", shape, act=act))

    def mbconv(self, path: str, shape: Shape, cell: CellChoice, stride: int) -> Shape:
        """One block of a cell; see `supernet.layers.mbconv`."""
        inputs, middle = shape[1], middle_width(shape[1], cell.expansion)
        y = shape
        if cell.expansion > 1:
            y = self.conv_norm(f"{path}.expand", f"{path}.norm1", y, middle, act="relu")
        y = self.conv_norm(f"{path}.depthwise", f"{path}.norm2", y, middle, kernel=cell.kernel,
                           stride=stride, groups=middle, act="relu")
        fused = int(self.norm == "batch")
        y = self.conv_norm(f"{path}.project", f"{path}.norm3", y, cell.width, residual=fused)
        if stride > 1:
            shape = self.add(f"{path}.pool", Operator.make("avg_pool", shape, stride=stride))
        if inputs != cell.width:
            self.conv(f"{path}.shortcut", shape, cell.width, bias=0)
        if not fused:
            self.add(path, Operator.make("add", y, y, act="none"))
        return y

    def residual(self, path: str, shape: Shape, out: int, stride: int) -> Shape:
        """One block of RAFT's encoder; see `supernet.raft.encoder`."""
        y = self.conv_norm(f"{path}.conv1", f"{path}.norm1", shape, out, kernel=3, stride=stride,
                           act="relu", bias=1)
        y = self.conv_norm(f"{path}.conv2", f"{path}.norm2", y, out, kernel=3, act="relu", bias=1)
        if stride > 1:
            self.conv_norm(f"{path}.shortcut", f"{path}.norm3", shape, out, stride=stride, bias=1)
        self.add(path, Operator.make("add", y, y, act="relu"))
        return y


def lower_head(
    config: HeadConfig, height: int, width: int, iterations: int, batch: int = 1
) -> list[PlacedOperator]:
    """Everything after the encoders, for pairs of frames (batch, 3, height, width)."""
    h, w = height // UPSAMPLE, width // UPSAMPLE
    head, each = Lowering(), iterations
    head.add("head.correlation", Operator.make(
        "correlation", (batch, config.features, h, w), levels=config.levels))
    head.add("head.lookup", Operator.make(
        "correlation_lookup", (batch, 2, h, w), levels=config.levels, radius=config.radius), each)
    shape: Shape = (batch, config.corr_planes, h, w)
    path = "head.update.encoder"
    for index, out in enumerate(config.corr_channels):
        shape = head.conv(f"{path}.corr.{index}", shape, out, kernel=1 if index == 0 else 3,
                          act="relu", repeats=each)
    wide, narrow = config.flow_channels
    head.conv(f"{path}.flow1", (batch, 2, h, w), wide, kernel=7, act="relu", repeats=each)
    moved = head.conv(f"{path}.flow2", (batch, wide, h, w), narrow, kernel=3, act="relu",
                      repeats=each)
    head.add(path, Operator.make("concat", shape, moved), each)
    head.conv(f"{path}.join", (batch, shape[1] + narrow, h, w), config.motion - 2, kernel=3,
              act="relu", repeats=each)
    state = (batch, config.hidden, h, w)
    for index in range(2 if config.separable else 1):
        kernel = ((1, 5), (5, 1))[index] if config.separable else (3, 3)
        head.add(f"head.update.gru.{index}", Operator.make(
            "conv_gru", state, (batch, config.motion, h, w), kernel=kernel), each)
    head.conv("head.update.flow1", state, config.flow_head, kernel=3, act="relu", repeats=each)
    head.conv("head.update.flow2", (batch, config.flow_head, h, w), 2, kernel=3, repeats=each)
    # The context's share of the recurrent gates, and adding up the flow.
    taps = (5, 5) if config.separable else (9,)
    head.add("head", Operator.make(
        "context", (batch, config.context, h, w), hidden=config.hidden, taps=taps))
    head.conv("head.mask.conv1", state, config.mask_head, kernel=3, act="relu")
    head.conv("head.mask.conv2", (batch, config.mask_head, h, w), 9 * UPSAMPLE**2)
    head.add("head.upsample", Operator.make("convex_upsample", (batch, 2, h, w), factor=UPSAMPLE))
    return head.placed
