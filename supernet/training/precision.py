"""The precision that networks are trained in."""

from __future__ import annotations

import torch

from supernet.training.common import CommonSettings


def autocast(settings: CommonSettings, device: torch.device) -> torch.autocast:
    """The precision that the settings ask for, on a device."""
    kind = training_dtype(settings.precision, device)
    # No cache of cast weights: it would be shared by threads that differentiate apart.
    return torch.autocast(
        device.type, torch.bfloat16 if kind == torch.float32 else kind,
        enabled=kind != torch.float32, cache_enabled=False,
    )


def training_dtype(precision: str, device: torch.device) -> torch.dtype:
    """What convolutions compute in: as told, or bf16 where the processor has units for it."""
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported() if device.type == "cuda"
            else torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
        )
        return torch.bfloat16 if fast else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def needs_scaling(precision: str) -> bool:
    """Whether gradients would vanish without a factor: fp16 has few exponents, bf16 enough."""
    return precision == "fp16"
