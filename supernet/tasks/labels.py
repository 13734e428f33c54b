"""Classification: losses and metrics."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from supernet.network import Network

CHUNK = 128
"""Images that a network sees at once where many are scored."""


def label_loss(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Cross-entropy, with a share of the target spread over all classes.

    Args:
        logits: (B, classes).
        labels: (B,).
        smoothing: the share.
    """
    return F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def imitation_loss(
    logits: torch.Tensor, taught: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Distance of probabilities from a teacher's (Hinton et al., 2015, arXiv 1503.02531).

    T² KL(softmax(teacher / T) || softmax(student / T)), so that its gradient keeps its size.

    Args:
        logits: (B, classes).
        taught: (B, classes), the teacher's logits.
        temperature: T.
    """
    student = F.log_softmax(logits.float() / temperature, 1)
    teacher = F.log_softmax(taught.float() / temperature, 1)
    return temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def label_metrics(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Errors of classification.

    Args:
        logits: (N, classes).
        labels: (N,).

    Returns:
        ``error`` and ``error_top5``, the percentage of images whose class is not the first, and not
        among the first five, and ``loss``, the mean cross-entropy in nats.
    """
    most = min(5, logits.shape[1])
    hits = logits.topk(most, dim=1).indices == labels[:, None]
    return {
        "error": 100 * (1 - float(hits[:, 0].float().mean())),
        "error_top5": 100 * (1 - float(hits.any(1).float().mean())),
        "loss": float(F.cross_entropy(logits.float(), labels)),
    }


def logits_of(network: Network, images: torch.Tensor) -> torch.Tensor:
    """Logits (N, classes) of many images, chunk by chunk."""
    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(images, CHUNK)])
