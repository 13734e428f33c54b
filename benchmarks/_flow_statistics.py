"""Statistics of flow pairs that decide whether training on one kind transfers to another."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from supernet.data.pairs import FlowPair

_GREY = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
_BOUNDARY_PX = 0.5  # a jump of the flow between neighbours
_PLAIN = 2.0  # grey levels per pixel


def tiles(pair: FlowPair, height: int, width: int) -> Iterator[FlowPair]:
    """Cuts a pair into pieces of one size, so that large and small pairs count alike."""
    rows, cols = pair.valid.shape[1:]
    for top in range(0, rows - height + 1, height):
        for left in range(0, cols - width + 1, width):
            y, x = slice(top, top + height), slice(left, left + width)
            yield FlowPair(
                f"{pair.name}/{top},{left}", pair.frame1[..., y, x], pair.frame2[..., y, x],
                pair.flow[..., y, x], pair.valid[..., y, x],
            )


def statistics(pair: FlowPair) -> dict[str, float] | None:
    """Figures of one pair; None where the flow is known on less than nine tenths.

    Returns:
        ``speed p10/p50/p90``: percentiles of speed, px.
        ``boundaries``: share of neighbours whose flow differs by more than 0.5 px.
        ``bend``: median change of flow per px away from boundaries, in thousandths of a px.
        ``affine``: share of the flow's variance that one affine motion explains.
        ``leaves``: share of pixels that leave the frame.
        ``uncovered``: share of frame 2 that no pixel of frame 1 comes within 1 px of.
        ``contrast``: standard deviation of grey levels.
        ``gradient p50/p90``: percentiles of the grey gradient, levels per px.
        ``plain``: share of pixels with a gradient below 2 levels per px.
        ``fine``: share of the gradient that a blur of 1 px takes away (sharpness).
        ``colour``: mean distance of the channels from grey, levels.
        ``residual``: median grey difference of frame 1 and frame 2 carried back, levels.
        ``light``: standard deviation of that difference, averaged over 16 x 16 px.
        ``noise``: median absolute difference of neighbours of that difference, levels.
    """
    if float(pair.valid.mean()) < 0.9:
        return None
    flow, known = pair.flow[0], pair.valid[0] > 0.5
    one, two = ((frame * _GREY).sum(1, keepdim=True) for frame in (pair.frame1, pair.frame2))
    speed = flow.norm(dim=0)[known]
    found = {f"speed p{p}": float(speed.quantile(p / 100)) for p in (10, 50, 90)}
    step = torch.maximum(
        (flow[:, 1:, 1:] - flow[:, :-1, 1:]).norm(dim=0),
        (flow[:, 1:, 1:] - flow[:, 1:, :-1]).norm(dim=0),
    )[known[1:, 1:] & known[:-1, 1:] & known[1:, :-1]]
    found["boundaries"] = float((step > _BOUNDARY_PX).float().mean())
    smooth = step[step <= _BOUNDARY_PX]
    found["bend"] = 1000 * float(smooth.median()) if smooth.numel() else 0.0
    found["affine"] = _affine_share(flow, known)
    inside, carried = _carried_back(two, pair.flow)
    found["leaves"] = float((~inside[0] & known).float().mean())
    found["uncovered"] = _uncovered(flow, known)
    found["contrast"] = float(one.std())
    gradient = _gradient(one)
    found["gradient p50"] = float(gradient.quantile(0.5))
    found["gradient p90"] = float(gradient.quantile(0.9))
    found["plain"] = float((gradient < _PLAIN).float().mean())
    blurred = F.avg_pool2d(F.avg_pool2d(one, 2, 1), 2, 1)
    found["fine"] = 1 - float(_gradient(blurred).mean() / gradient.mean().clamp_min(1e-6))
    found["colour"] = float((pair.frame1 - one).abs().mean())
    gap = (carried - one)[0, 0]
    seen = inside[0] & known
    found["residual"] = float(gap[seen].abs().median()) if seen.any() else 0.0
    middle = torch.where(seen, gap, gap[seen].median() if seen.any() else 0.0)
    coarse = F.avg_pool2d(middle.clamp(-30, 30)[None, None], 16)
    found["light"] = float(coarse.std())
    found["noise"] = float((gap[:, 1:] - gap[:, :-1])[seen[:, 1:] & seen[:, :-1]].abs().median())
    return found


def _gradient(grey: torch.Tensor) -> torch.Tensor:
    right = (grey[..., 1:, 1:] - grey[..., 1:, :-1])[0, 0]
    down = (grey[..., 1:, 1:] - grey[..., :-1, 1:])[0, 0]
    return torch.hypot(right, down).flatten()


def _grid(height: int, width: int) -> torch.Tensor:
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32), torch.arange(width, dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack([x, y])


def _affine_share(flow: torch.Tensor, known: torch.Tensor) -> float:
    grid = _grid(*known.shape)[:, known].T
    rows = torch.cat([grid, torch.ones(len(grid), 1)], 1).double()
    wanted = flow[:, known].T.double()
    spread = (wanted - wanted.mean(0)).square().sum()
    if float(spread) < 1e-6:
        return 1.0
    left = wanted - rows @ torch.linalg.lstsq(rows, wanted).solution
    return 1 - float(left.square().sum() / spread)


def _carried_back(frame2: torch.Tensor, flow: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    _, _, height, width = flow.shape
    points = _grid(height, width)[None] + flow
    size = torch.tensor([width, height]).view(1, 2, 1, 1)
    inside = ((points >= 0) & (points <= size - 1)).all(1)
    normal = ((2 * points + 1) / size - 1).permute(0, 2, 3, 1)
    return inside, F.grid_sample(frame2, normal, padding_mode="border", align_corners=False)


def _uncovered(flow: torch.Tensor, known: torch.Tensor) -> float:
    height, width = known.shape
    places = (_grid(height, width) + flow).round().long()[:, known]
    inside = ((places >= 0) & (places < torch.tensor([[width], [height]]))).all(0)
    hit = torch.zeros(height * width)
    hit[places[1, inside] * width + places[0, inside]] = 1
    near = F.max_pool2d(hit.view(1, 1, height, width), 3, 1, 1)[0, 0]
    return 1 - float(near.mean())
