"""Networks that join and split features: DenseNet, ShuffleNet, SqueezeNet, U-Net, YOLO."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks._zoo_blocks import C3, conv_bn


class _DenseLayer(nn.Module):
    def __init__(self, c: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), conv_bn(c, 4 * growth, 1),
                                  nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


class DenseNet(nn.Sequential):
    """DenseNet-121."""

    def __init__(self, growth: int = 32) -> None:
        layers: list[nn.Module] = [conv_bn(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
        c = 64
        for stage, depth in enumerate((6, 12, 24, 16)):
            if stage:
                layers += [nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c // 2, 1, bias=False),
                           nn.AvgPool2d(2, 2)]
                c //= 2
            for _ in range(depth):
                layers.append(_DenseLayer(c, growth))
                c += growth
        super().__init__(*layers, nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(c, 1000))


class _Shuffle(nn.Module):
    def __init__(self, c: int, out: int, stride: int) -> None:
        super().__init__()
        half, self.stride = out // 2, stride
        inside = c if stride > 1 else c // 2
        self.left = nn.Sequential(conv_bn(c, c, 3, stride, c, act=None),
                                  conv_bn(c, half, 1)) if stride > 1 else nn.Identity()
        self.right = nn.Sequential(conv_bn(inside, half, 1),
                                   conv_bn(half, half, 3, stride, half, act=None),
                                   conv_bn(half, half, 1))

    def forward(self, x: Tensor) -> Tensor:
        a, b = (x, x) if self.stride > 1 else x.chunk(2, 1)
        y = torch.cat([self.left(a), self.right(b)], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleNet(nn.Sequential):
    """ShuffleNetV2 1.0x."""

    def __init__(self) -> None:
        layers: list[nn.Module] = [conv_bn(3, 24, 3, 2), nn.MaxPool2d(3, 2, 1)]
        c = 24
        for out, count in ((116, 4), (232, 8), (464, 4)):
            for block in range(count):
                layers.append(_Shuffle(c, out, 1 if block else 2))
                c = out
        super().__init__(*layers, conv_bn(c, 1024, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(1024, 1000))


class _Fire(nn.Module):
    def __init__(self, c: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(c, squeeze, 1), nn.ReLU())
        self.one = nn.Sequential(nn.Conv2d(squeeze, expand, 1), nn.ReLU())
        self.three = nn.Sequential(nn.Conv2d(squeeze, expand, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        return torch.cat([self.one(x), self.three(x)], 1)


class SqueezeNet(nn.Sequential):
    """SqueezeNet 1.1."""

    def __init__(self) -> None:
        pool = nn.MaxPool2d(3, 2)
        super().__init__(
            nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool, _Fire(64, 16, 64), _Fire(128, 16, 64), pool,
            _Fire(128, 32, 128), _Fire(256, 32, 128), pool, _Fire(256, 48, 192),
            _Fire(384, 48, 192), _Fire(384, 64, 256), _Fire(512, 64, 256),
            nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )


class UNet(nn.Module):
    """U-Net with bilinear upsampling and half the usual widths."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256, 512)) -> None:
        super().__init__()

        def double(c: int, out: int) -> nn.Module:
            return nn.Sequential(conv_bn(c, out), conv_bn(out, out))

        self.down = nn.ModuleList(
            double(c, out) for c, out in zip((3, *widths), widths, strict=False))
        self.up = nn.ModuleList(
            double(low + high, high) for low, high in zip(widths[:0:-1], widths[-2::-1],
                                                          strict=True))
        self.pool, self.head = nn.MaxPool2d(2), nn.Conv2d(widths[0], 2, 1)
        self.grow = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, x: Tensor) -> Tensor:
        """Image ``(N, 3, H, W)`` to logits ``(N, 2, H, W)``."""
        kept = []
        for level, block in enumerate(self.down):
            x = block(self.pool(x) if level else x)
            kept.append(x)
        for block, skip in zip(self.up, kept[-2::-1], strict=True):
            x = block(torch.cat([self.grow(x), skip], 1))
        return self.head(x)  # type: ignore[no-any-return]


class Yolo(nn.Module):
    """YOLOv5-like detector with a decoding head."""

    def __init__(self, c: int, depth: int, classes: int = 80) -> None:
        super().__init__()
        act = nn.SiLU
        self.stem = conv_bn(3, c, 5, 2, act=act)
        widths = (2 * c, 4 * c, 8 * c, 16 * c)
        self.stages = nn.ModuleList(
            nn.Sequential(conv_bn(a, b, 3, 2, act=act), C3(b, b, n * depth))
            for a, b, n in zip((c, *widths), widths, (1, 2, 3, 1), strict=False))
        self.reduce = conv_bn(16 * c, 8 * c, 1, act=act)
        self.pool, self.join = nn.MaxPool2d(5, 1, 2), conv_bn(32 * c, 16 * c, 1, act=act)
        self.narrow = conv_bn(16 * c, 8 * c, 1, act=act)
        self.grow = nn.Upsample(scale_factor=2, mode="nearest")
        self.up4, self.to3 = C3(16 * c, 8 * c, depth, False), conv_bn(8 * c, 4 * c, 1, act=act)
        self.up3, self.down3 = C3(8 * c, 4 * c, depth, False), conv_bn(4 * c, 4 * c, 3, 2, act=act)
        self.out4, self.down4 = C3(8 * c, 8 * c, depth, False), conv_bn(8 * c, 8 * c, 3, 2, act=act)
        self.out5 = C3(16 * c, 16 * c, depth, False)
        self.heads = nn.ModuleList(nn.Conv2d(k * c, 3 * (classes + 5), 1) for k in (4, 8, 16))

    def forward(self, x: Tensor) -> Tensor:
        """Image ``(N, 3, H, W)`` to boxes ``(N, boxes, classes + 5)``."""
        x = self.stem(x)
        kept = []
        for stage in self.stages:
            x = stage(x)
            kept.append(x)
        p = self.reduce(x)
        first = self.pool(p)
        second = self.pool(first)
        top = self.narrow(self.join(torch.cat([p, first, second, self.pool(second)], 1)))
        m4 = self.up4(torch.cat([self.grow(top), kept[2]], 1))
        side = self.to3(m4)
        p3 = self.up3(torch.cat([self.grow(side), kept[1]], 1))
        p4 = self.out4(torch.cat([self.down3(p3), side], 1))
        p5 = self.out5(torch.cat([self.down4(p4), top], 1))
        found = []
        for head, level in zip(self.heads, (p3, p4, p5), strict=True):
            y = head(level)
            n, _, h, w = y.shape
            y = y.view(n, 3, -1, h, w).permute(0, 1, 3, 4, 2).sigmoid()
            found.append(y.reshape(n, 3 * h * w, -1))
        return torch.cat(found, 1)
