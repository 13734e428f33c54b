"""The recurrent update block (RAFT, section 3.3)."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import nn
from torch.nn import functional as F

from supernet.raft.config import UPSAMPLE, HeadConfig
from supernet.raft.convex import convex_combination


class ConvGRU(nn.Module):
    """A gated recurrent unit whose gates are convolutions.

    Parameters are laid out as in RAFT, with inputs ordered state, context, motion. The context is
    the same in every iteration, so its share of each gate is computed once (`prepare`).
    """

    def __init__(self, hidden: int, context: int, motion: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        inputs = hidden + context + motion
        self.hidden, self.context = hidden, context
        self.padding = (kernel[0] // 2, kernel[1] // 2)
        self.convz = nn.Conv2d(inputs, hidden, kernel, padding=self.padding)
        self.convr = nn.Conv2d(inputs, hidden, kernel, padding=self.padding)
        self.convq = nn.Conv2d(inputs, hidden, kernel, padding=self.padding)

    def prepare(self, context: torch.Tensor) -> GateShares:
        """Splits the weights and computes the context's share, for one call of the network.

        Args:
            context: (B, context, h, w).
        """
        start, end = self.hidden, self.hidden + self.context
        convs = (self.convz, self.convr, self.convq)
        weight = torch.cat([conv.weight[:, start:end] for conv in convs])
        bias = torch.cat([conv.bias for conv in convs if conv.bias is not None])
        shares = F.conv2d(context, weight, bias, padding=self.padding)
        moving = [
            torch.cat([conv.weight[:, :start], conv.weight[:, end:]], 1) for conv in convs
        ]
        return GateShares(
            torch.cat(moving[:2]), moving[2],
            shares[:, : 2 * self.hidden], shares[:, 2 * self.hidden :],
        )

    def forward(
        self, state: torch.Tensor, motion: torch.Tensor, shares: GateShares
    ) -> torch.Tensor:
        """One step; ``state`` (B, hidden, h, w), ``motion`` (B, motion, h, w)."""
        joined = torch.cat([state, motion], 1)
        gates = F.conv2d(joined, shares.gate_weight, padding=self.padding) + shares.gates
        z, r = torch.sigmoid(gates).chunk(2, 1)
        joined = torch.cat([r * state, motion], 1)
        q = F.conv2d(joined, shares.candidate_weight, padding=self.padding) + shares.candidate
        new: torch.Tensor = state + z * (torch.tanh(q) - state)
        return new


class GateShares(NamedTuple):
    """What a `ConvGRU` needs in every iteration but computes once.

    Attributes:
        gate_weight: (2 hidden, hidden + motion, k, k) of gates z and r.
        candidate_weight: (hidden, hidden + motion, k, k).
        gates: (B, 2 hidden, h, w), the context's share of z and r with their bias.
        candidate: (B, hidden, h, w), the context's share of the candidate with its bias.
    """

    gate_weight: torch.Tensor
    candidate_weight: torch.Tensor
    gates: torch.Tensor
    candidate: torch.Tensor


class MotionEncoder(nn.Module):
    """Joins looked-up correlation and current flow into motion features."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.corr = nn.ModuleList()
        channels = config.corr_planes
        for index, width in enumerate(config.corr_channels):
            kernel = 1 if index == 0 else 3
            self.corr.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2))
            channels = width
        wide, narrow = config.flow_channels
        self.flow1 = nn.Conv2d(2, wide, 7, padding=3)
        self.flow2 = nn.Conv2d(wide, narrow, 3, padding=1)
        self.join = nn.Conv2d(channels + narrow, config.motion - 2, 3, padding=1)

    def forward(self, flow: torch.Tensor, correlation: torch.Tensor) -> torch.Tensor:
        """(B, motion, h, w) from flow (B, 2, h, w) and correlation (B, planes, h, w)."""
        for conv in self.corr:
            correlation = F.relu(conv(correlation))
        moved = F.relu(self.flow2(F.relu(self.flow1(flow))))
        joined = F.relu(self.join(torch.cat([correlation, moved], 1)))
        return torch.cat([joined, flow.to(joined.dtype)], 1)


class UpdateBlock(nn.Module):
    """Motion encoder, recurrent units and flow head."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.encoder = MotionEncoder(config)
        kernels = ((1, 5), (5, 1)) if config.separable else ((3, 3),)
        self.gru = nn.ModuleList(
            ConvGRU(config.hidden, config.context, config.motion, kernel) for kernel in kernels
        )
        self.flow1 = nn.Conv2d(config.hidden, config.flow_head, 3, padding=1)
        self.flow2 = nn.Conv2d(config.flow_head, 2, 3, padding=1)

    def prepare(self, context: torch.Tensor) -> list[GateShares]:
        """What stays the same in all iterations, from the context (B, context, h, w)."""
        return [cast(ConvGRU, gru).prepare(context) for gru in self.gru]

    def forward(
        self, state: torch.Tensor, shares: list[GateShares], correlation: torch.Tensor,
        flow: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One iteration.

        Args:
            state: (B, hidden, h, w).
            shares: from `prepare`.
            correlation: (B, planes, h, w).
            flow: (B, 2, h, w) so far.

        Returns:
            The new state and the change of the flow (B, 2, h, w).
        """
        motion = self.encoder(flow, correlation)
        for gru, share in zip(self.gru, shares, strict=True):
            state = gru(state, motion, share)
        return state, self.flow2(F.relu(self.flow1(state)))


class UpsampleMask(nn.Module):
    """Weights of the convex upsampling from the recurrent state."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(config.hidden, config.mask_head, 3, padding=1)
        self.conv2 = nn.Conv2d(config.mask_head, 64 * 9, 1)

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Weights before softmax, (B, 576, h, w), from the state (B, hidden, h, w)."""
        # RAFT scales the mask to balance its gradients.
        mask: torch.Tensor = 0.25 * self.conv2(F.relu(self.conv1(state)))
        return mask


class ConvexUpsample(nn.Module):
    """Each fine pixel is a convex combination of its 3x3 coarse neighbours (RAFT, section 3.3)."""

    def forward(self, flow: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, 2, 8 h, 8 w) from flow (B, 2, h, w) and mask (B, 576, h, w)."""
        B, _, h, w = flow.shape
        padded = F.pad(8 * flow, (1, 1, 1, 1))
        neighbours = torch.stack(
            [padded[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3)], 2
        )
        if torch.onnx.is_in_onnx_export():
            fine = _written_out(mask.view(B, 9, 64, h, w).float(), neighbours)
            fine = fine.view(B, 2, 8, 8, h, w)
            return fine.permute(0, 1, 4, 2, 5, 3).reshape(B, 2, 8 * h, 8 * w)
        scores = mask.permute(0, 2, 3, 1).reshape(-1, 9, 64).float()
        fine = convex_combination(scores, neighbours.permute(0, 3, 4, 1, 2).reshape(-1, 2, 9))
        fine = fine.view(B, h, w, 2, 8, 8)
        return fine.permute(0, 3, 1, 4, 2, 5).reshape(B, 2, 8 * h, 8 * w)


def bilinear_upsample(flow: torch.Tensor) -> torch.Tensor:
    """(B, 2, 8 h, 8 w) from flow (B, 2, h, w), as RAFT-small upsamples."""
    return UPSAMPLE * F.interpolate(
        flow, scale_factor=float(UPSAMPLE), mode="bilinear", align_corners=True
    )


def _written_out(scores: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
    """`convex_combination` in pointwise operators: runtimes are slow on tiny matrix products.

    Args:
        scores: (B, 9, 64, h, w).
        neighbours: (B, 2, 9, h, w).

    Returns:
        (B, 2, 64, h, w).
    """
    weights = torch.exp(scores - scores.amax(1, keepdim=True))
    total = weights.sum(1)
    return torch.stack(
        [(weights * neighbours[:, axis, :, None]).sum(1) / total for axis in range(2)], 1
    )
