"""Building blocks of the benchmark's models, in the style of torchvision and timm."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def conv_bn(c: int, out: int, kernel: int = 3, stride: int = 1, groups: int = 1,
            act: type[nn.Module] | None = nn.ReLU) -> nn.Sequential:
    """Convolution, batch norm and (unless None) an activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(c, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
    ]
    return nn.Sequential(*layers, *([act()] if act is not None else []))


class Residual(nn.Module):
    """ResNet's basic or bottleneck block."""

    def __init__(self, c: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        out = width * (4 if bottleneck else 1)
        self.body = nn.Sequential(
            conv_bn(c, width, 1), conv_bn(width, width, 3, stride), conv_bn(width, out, 1, act=None)
        ) if bottleneck else nn.Sequential(
            conv_bn(c, width, 3, stride), conv_bn(width, out, 3, act=None)
        )
        same = stride == 1 and c == out
        self.skip = nn.Identity() if same else conv_bn(c, out, 1, stride, act=None)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        return self.act(self.body(x) + self.skip(x))  # type: ignore[no-any-return]


class SqueezeExcite(nn.Module):
    """Channel attention."""

    def __init__(self, c: int, hidden: int, act: type[nn.Module], gate: type[nn.Module]) -> None:
        super().__init__()
        self.pool, self.gate = nn.AdaptiveAvgPool2d(1), gate()
        self.reduce, self.act, self.expand = nn.Conv2d(c, hidden, 1), act(), nn.Conv2d(hidden, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scales the channels."""
        return x * self.gate(self.expand(self.act(self.reduce(self.pool(x)))))  # type: ignore[no-any-return]


class Inverted(nn.Module):
    """MobileNet's inverted residual, with squeeze-and-excitation where ``se`` is not None."""

    def __init__(self, c: int, expanded: int, out: int, kernel: int, stride: int,
                 act: type[nn.Module], se: nn.Module | None = None) -> None:
        super().__init__()
        expand = [conv_bn(c, expanded, 1, act=act)] if expanded != c else []
        self.body = nn.Sequential(
            *expand, conv_bn(expanded, expanded, kernel, stride, expanded, act),
            *([se] if se is not None else []), conv_bn(expanded, out, 1, act=None),
        )
        self.same = stride == 1 and c == out

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        y: Tensor = self.body(x)
        return x + y if self.same else y


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over channels of an image, as torchvision writes it."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalises ``(N, C, H, W)``."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """Depthwise 7x7 and a channels-last MLP."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(c, c, 7, padding=3, groups=c)
        self.norm, self.act = nn.LayerNorm(c, eps=1e-6), nn.GELU()
        self.up, self.down = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        y = self.norm(self.dw(x).permute(0, 2, 3, 1))
        return x + self.down(self.act(self.up(y))).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head self-attention by torch's fused function."""

    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of shape ``(N, T, C)``."""
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(n, t, c))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """A transformer's pre-norm block."""

    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attention = Attention(c, heads)
        self.mlp = nn.Sequential(nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of shape ``(N, T, C)``."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class C3(nn.Module):
    """YOLOv5's cross-stage block."""

    def __init__(self, c: int, out: int, count: int, shortcut: bool = True) -> None:
        super().__init__()
        half, act = out // 2, nn.SiLU
        self.one, self.two = conv_bn(c, half, 1, act=act), conv_bn(c, half, 1, act=act)
        self.join = conv_bn(2 * half, out, 1, act=act)
        self.blocks = nn.ModuleList(
            nn.Sequential(conv_bn(half, half, 1, act=act), conv_bn(half, half, 3, act=act))
            for _ in range(count)
        )
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        import torch

        y: Any = self.one(x)
        for block in self.blocks:
            y = y + block(y) if self.shortcut else block(y)
        return self.join(torch.cat([y, self.two(x)], 1))  # type: ignore[no-any-return]
