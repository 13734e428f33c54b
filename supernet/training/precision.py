"""The precision that networks are trained in."""

from __future__ import annotations

import torch

from supernet.training.settings import TrainingSettings


def autocast(settings: TrainingSettings, device: torch.device) -> torch.autocast:
    """The precision that the settings ask for, on a device."""
    # No cache of cast weights: it would be shared by threads that differentiate apart.
    return torch.autocast(
        device.type, torch.bfloat16, enabled=half_precision(settings.precision, device),
        cache_enabled=False,
    )


def half_precision(precision: str, device: torch.device) -> bool:
    """Whether to train in bf16: as told, or where the processor has matrix units for it."""
    if precision == "auto":
        if device.type == "cuda":
            return bool(torch.cuda.is_bf16_supported())
        return bool(torch.cpu._is_amx_tile_supported())
    return precision == "bf16"
