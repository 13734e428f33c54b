"""Well-known networks with random weights, for judging estimates of models from outside."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks._zoo_blocks import (
    ConvNextBlock,
    Encoder,
    Inverted,
    LayerNorm2d,
    Residual,
    SqueezeExcite,
    conv_bn,
)
from benchmarks._zoo_dense import DenseNet, ShuffleNet, SqueezeNet, UNet, Yolo


def _head(c: int, classes: int = 1000) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)]


def _resnet(depths: tuple[int, ...], bottleneck: bool) -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    c = 64
    for stage, depth in enumerate(depths):
        width = 64 * 2**stage
        for block in range(depth):
            layers.append(Residual(c, width, 2 if stage and not block else 1, bottleneck))
            c = width * (4 if bottleneck else 1)
    return nn.Sequential(*layers, *_head(c))


def _mobilenet_v2() -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 32, 3, 2, act=nn.ReLU6)]
    c = 32
    for ratio, out, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                      (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for block in range(count):
            layers.append(Inverted(c, ratio * c, out, 3, 1 if block else stride, nn.ReLU6))
            c = out
    return nn.Sequential(*layers, conv_bn(c, 1280, 1, act=nn.ReLU6), *_head(1280))


def _mobilenet_v3() -> nn.Module:
    rows = (
        (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
        (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1),
        (3, 672, 112, 1, 1, 1), (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1),
        (5, 960, 160, 1, 1, 1),
    )
    layers: list[nn.Module] = [conv_bn(3, 16, 3, 2, act=nn.Hardswish)]
    c = 16
    for kernel, expanded, out, se, swish, stride in rows:
        squeeze = SqueezeExcite(expanded, max(8, (expanded // 4 + 4) // 8 * 8), nn.ReLU,
                                nn.Hardsigmoid) if se else None
        act = nn.Hardswish if swish else nn.ReLU
        layers.append(Inverted(c, expanded, out, kernel, stride, act, squeeze))
        c = out
    return nn.Sequential(*layers, conv_bn(c, 960, 1, act=nn.Hardswish), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(960, 1280), nn.Hardswish(), nn.Linear(1280, 1000))


def _efficientnet_b0() -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 32, 3, 2, act=nn.SiLU)]
    c = 32
    for ratio, kernel, stride, out, count in ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2),
                                              (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
                                              (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)):
        for block in range(count):
            squeeze = SqueezeExcite(ratio * c, max(1, c // 4), nn.SiLU, nn.Sigmoid)
            layers.append(Inverted(c, ratio * c, out, kernel, 1 if block else stride, nn.SiLU,
                                   squeeze))
            c = out
    return nn.Sequential(*layers, conv_bn(c, 1280, 1, act=nn.SiLU), *_head(1280))


def _convnext_tiny() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 96, 4, 4), LayerNorm2d(96, eps=1e-6)]
    c = 96
    for stage, depth in enumerate((3, 3, 9, 3)):
        if stage:
            layers += [LayerNorm2d(c, eps=1e-6), nn.Conv2d(c, 2 * c, 2, 2)]
            c *= 2
        layers += [ConvNextBlock(c) for _ in range(depth)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), LayerNorm2d(c, eps=1e-6), nn.Flatten(),
                         nn.Linear(c, 1000))


class _VisionTransformer(nn.Module):
    def __init__(self, c: int, heads: int, depth: int = 12, patch: int = 16) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, c, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, c))
        self.place = nn.Parameter(0.02 * torch.randn(1, (224 // patch) ** 2 + 1, c))
        self.blocks = nn.Sequential(*(Encoder(c, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(c), nn.Linear(c, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        return self.head(self.norm(self.blocks(x))[:, 0])  # type: ignore[no-any-return]


def _vgg11() -> nn.Module:
    layers: list[nn.Module] = []
    c = 3
    for out in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        layers += [nn.Conv2d(c, out, 3, padding=1), nn.ReLU()] if out else [nn.MaxPool2d(2, 2)]
        c = out or c
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512 * 49, 4096), nn.ReLU(),
                         nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000))


ZOO: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "resnet18": (lambda: _resnet((2, 2, 2, 2), False), (1, 3, 224, 224)),
    "resnet50": (lambda: _resnet((3, 4, 6, 3), True), (1, 3, 224, 224)),
    "vgg11": (_vgg11, (1, 3, 224, 224)),
    "mobilenet_v2": (_mobilenet_v2, (1, 3, 224, 224)),
    "mobilenet_v3_large": (_mobilenet_v3, (1, 3, 224, 224)),
    "efficientnet_b0": (_efficientnet_b0, (1, 3, 224, 224)),
    "shufflenet_v2": (ShuffleNet, (1, 3, 224, 224)),
    "squeezenet": (SqueezeNet, (1, 3, 224, 224)),
    "densenet121": (DenseNet, (1, 3, 224, 224)),
    "convnext_tiny": (_convnext_tiny, (1, 3, 224, 224)),
    "vit_tiny": (lambda: _VisionTransformer(192, 3), (1, 3, 224, 224)),
    "vit_small": (lambda: _VisionTransformer(384, 6), (1, 3, 224, 224)),
    "unet": (UNet, (1, 3, 192, 256)),
    "yolo_n": (lambda: Yolo(16, 1), (1, 3, 320, 320)),
    "yolo_s": (lambda: Yolo(32, 1), (1, 3, 416, 416)),
}
"""Name to what builds the model, and the shape of its input."""


def build(name: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A model with random weights, and an input for it.

    Batch norms get the statistics that random images give, so that values neither die nor explode.
    """
    torch.manual_seed(seed)
    make, shape = ZOO[name]
    module, example = make(), torch.rand(shape)
    module.train()
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = None
        module(torch.rand(2, *shape[1:]))
    return module.eval(), example
