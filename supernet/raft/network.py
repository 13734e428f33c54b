"""RAFT around any pair of encoders."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import nn
from torch.nn import functional as F

from supernet.layers.layout import channels_last
from supernet.network import Network
from supernet.raft.config import UPSAMPLE, HeadConfig
from supernet.raft.correlation import CorrelationLookup, CorrelationPyramid
from supernet.raft.update import ConvexUpsample, UpdateBlock, UpsampleMask, bilinear_upsample


class Encoder(Protocol):
    """What RAFT needs of an encoder: features at 1/8 resolution, and taps for distillation."""

    def taps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features at several depths; the last is the output."""
        ...


class FlowHead(nn.Module):
    """Everything after the encoders; identical for every architecture of a space."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        self.correlation = CorrelationPyramid(config.levels)
        self.lookup = CorrelationLookup(config.radius)
        self.update = UpdateBlock(config)
        self.mask = UpsampleMask(config) if config.mask_head else None
        self.upsample = ConvexUpsample()
        initialise(self)

    def forward(
        self, features1: torch.Tensor, features2: torch.Tensor, context: torch.Tensor,
        iterations: int, *, all_steps: bool = False, initial: torch.Tensor | None = None,
    ) -> list[torch.Tensor]:
        """Iterates from zero flow (or ``initial``).

        Args:
            features1: (B, features, h, w).
            features2: (B, features, h, w).
            context: (B, hidden + context, h, w).
            iterations: number of updates.
            all_steps: return every iteration's flow, as the sequence loss needs.
            initial: (B, 2, h, w) flow at 1/8 resolution to start from.

        Returns:
            Flows (B, 2, 8 h, 8 w): one per iteration, or the last alone.
        """
        return self.iterate(
            features1, features2, context, iterations, all_steps=all_steps, initial=initial
        )[0]

    def iterate(
        self, features1: torch.Tensor, features2: torch.Tensor, context: torch.Tensor,
        iterations: int, *, all_steps: bool = False, initial: torch.Tensor | None = None,
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """As `forward`; also gives the last flow at 1/8 resolution, (B, 2, h, w)."""
        pyramid = self.correlation(features1, features2)
        split = [self.config.hidden, self.config.context]
        state, context = torch.split(context, split, dim=1)
        state, shares = torch.tanh(state), self.update.prepare(F.relu(context))
        start = coordinates(features1)
        coords = start if initial is None else start + initial
        flows = []
        for step in range(iterations):
            coords = coords.detach()
            correlation = self.lookup(pyramid, coords)
            state, change = self.update(state, shares, correlation, coords - start)
            coords = coords + change.float()
            if all_steps or step == iterations - 1:
                flow = coords - start
                flows.append(
                    bilinear_upsample(flow) if self.mask is None
                    else self.upsample(flow, self.mask(state))
                )
        return flows, coords - start


def initialise(head: FlowHead) -> None:
    """Kaiming initialisation of all convolutions, biases 0; the flow starts near 0.

    PyTorch's default shrinks what passes a layer to a half; after the six layers from correlation
    to flow little arrives, and a short training stays at zero flow for long.
    """
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.normal_(head.update.flow2.weight, std=0.01)


def initialise_plainly(head: FlowHead) -> None:
    """PyTorch's own initialisation of all convolutions, as in RAFT."""
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()


def coordinates(features: torch.Tensor) -> torch.Tensor:
    """Pixel positions x, y at 1/8 resolution, (B, 2, h, w)."""
    B, _, h, w = features.shape
    y, x = torch.meshgrid(
        torch.arange(h, device=features.device, dtype=torch.float32),
        torch.arange(w, device=features.device, dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack([x, y]).expand(B, -1, -1, -1)


def normalised(frames: torch.Tensor) -> torch.Tensor:
    """Pixels 0..255 to -1..1."""
    return 2 * (frames / 255) - 1


class FlowNetwork(Network):
    """Feature encoder, context encoder and head: frames in, flow out.

    Attributes:
        iterations: recurrent updates of a deployed network.
    """

    def __init__(
        self, fnet: nn.Module, cnet: nn.Module, head: FlowHead, iterations: int
    ) -> None:
        super().__init__()
        self.fnet = fnet
        self.cnet = cnet
        self.head = head
        self.iterations = iterations

    def feed_norms(self, inputs: torch.Tensor) -> None:
        """See `Network`; the feature encoder has instance norms."""
        self.cnet(channels_last(normalised(inputs)))

    def features(
        self, frame1: torch.Tensor, frame2: torch.Tensor
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Taps of the feature encoder on both frames stacked, (2 B, …), and of the context."""
        both = channels_last(normalised(torch.cat([frame1, frame2])))
        fnet, cnet = cast(Encoder, self.fnet), cast(Encoder, self.cnet)
        return fnet.taps(both), cnet.taps(both[: frame1.shape[0]])

    def flows(
        self, frame1: torch.Tensor, frame2: torch.Tensor, iterations: int | None = None,
        *, all_steps: bool = False,
    ) -> list[torch.Tensor]:
        """Flows (B, 2, H, W) of each iteration, or of the last; H and W divisible by 8."""
        found, context = self.features(frame1, frame2)
        features1, features2 = found[-1].chunk(2)
        flows: list[torch.Tensor] = self.head(
            features1, features2, context[-1], iterations or self.iterations, all_steps=all_steps
        )
        return flows

    def forward(self, frame1: torch.Tensor, frame2: torch.Tensor) -> torch.Tensor:
        """Flow (B, 2, H, W) in pixels from frames (B, 3, H, W) in 0..255."""
        both = normalised(torch.cat([frame1, frame2]))
        features1, features2 = self.fnet(both).chunk(2)
        context = self.cnet(both[: frame1.shape[0]])
        flow: torch.Tensor = self.head(features1, features2, context, self.iterations)[-1]
        return flow


def pad_to_multiple(
    frames: torch.Tensor, *, bottom_only: bool = False
) -> tuple[torch.Tensor, tuple[int, int, int, int]]:
    """Replicates edges until both sides divide by 8; returns the padding to cut off again.

    Args:
        frames: (…, H, W).
        bottom_only: rows are added at the bottom alone, as RAFT does for KITTI.
    """
    height, width = frames.shape[-2:]
    rows, cols = -height % UPSAMPLE, -width % UPSAMPLE
    top = 0 if bottom_only else rows // 2
    pad = (cols // 2, cols - cols // 2, top, rows - top)
    return F.pad(frames, pad, mode="replicate"), pad


def unpad(flow: torch.Tensor, pad: tuple[int, int, int, int]) -> torch.Tensor:
    """Cuts what `pad_to_multiple` added."""
    left, right, top, bottom = pad
    height, width = flow.shape[-2:]
    return flow[..., top : height - bottom, left : width - right]
