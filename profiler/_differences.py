"""Whether paired latencies differ beyond noise: in a common factor, or one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from profiler._robust import Floats, sigma
from profiler._sides import Value

# Share of false findings tolerated among items that are called different.
FALSE_SHARE = 0.01
# Scatter of latencies has heavier tails than a normal one; so has Student's t.
_FREEDOM = 5
# Standard deviations beyond which a common factor is no noise.
_SIGMAS = 3.0
_MEDIAN_PENALTY = 1.2533


@dataclass(frozen=True, slots=True)
class Difference:
    """One item on both sides.

    Attributes:
        item: its name.
        a_ms: latency on side A.
        b_ms: latency on side B.
        difference: ``b / a - 1``.
        about_common: the same after the common factor is taken out.
        sigmas: that, in standard deviations of the noise of both.
        beyond_noise: whether it differs, all items considered together.
    """

    item: str
    a_ms: float
    b_ms: float
    difference: float
    about_common: float
    sigmas: float
    beyond_noise: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Items of one kind, compared.

    Attributes:
        matched: items on both sides.
        only_a: items on side A alone.
        only_b: items on side B alone.
        median_difference: median of the absolute relative differences.
        p90_difference: their 90th percentile.
        median_at_pace: median of the same, each side at the pace that its machine had.
        p90_at_pace: their 90th percentile.
        noise_a: median relative noise of an item on side A.
        noise_b: the same on side B.
        factor: median of ``b / a``: common speed factor, above 1 where B is slower.
        factor_noise: relative standard deviation that this factor has by noise alone.
        factor_beyond_noise: whether it differs from 1 by more than that explains.
        scatter: robust relative standard deviation of the ratios about the factor.
        expected_scatter: what noise alone would give.
        beyond_noise: items that differ beyond noise (Benjamini and Hochberg 1995).
        beyond_noise_share: the same over ``matched``.
        false_share: share of these that chance is expected to have put there at most.
        largest: items that differ most about the factor, the largest first.
    """

    matched: int
    only_a: int
    only_b: int
    median_difference: float
    p90_difference: float
    median_at_pace: float
    p90_at_pace: float
    noise_a: float
    noise_b: float
    factor: float
    factor_noise: float
    factor_beyond_noise: bool
    scatter: float
    expected_scatter: float
    beyond_noise: int
    beyond_noise_share: float
    false_share: float
    largest: tuple[Difference, ...]


def compare_group(
    a: Mapping[str, Value], b: Mapping[str, Value], *, level_noise: float, pace_factor: float = 1.0,
    largest: int = 10,
) -> Group | None:
    """Compares items by name.

    Args:
        a: side A.
        b: side B.
        level_noise: relative standard deviation that all ratios have in common.
        pace_factor: ratio B / A that the paces of the machines explain.
        largest: differences to list.

    Returns:
        What was found; None where no item is on both sides.
    """
    names = sorted(a.keys() & b.keys())
    if not names:
        return None
    a_ms, b_ms = (np.array([side[n].latency_ms for n in names]) for side in (a, b))
    a_noise, b_noise = (np.array([side[n].noise for n in names]) for side in (a, b))
    noise: Floats = np.hypot(a_noise, b_noise)
    logs = np.log(b_ms / a_ms)
    common = float(np.median(logs))
    scatter = sigma(logs)
    # What the items really scatter bounds how well their median is known, noise or not.
    each = max(scatter, float(np.median(noise)))
    penalty = _MEDIAN_PENALTY if len(names) > 2 else 1.0
    factor_noise = math.hypot(penalty * each / math.sqrt(len(names)), level_noise)
    sigmas = (logs - common) / noise
    beyond = discoveries(sigmas)
    found = [
        Difference(name, float(a_ms[i]), float(b_ms[i]), math.expm1(logs[i]),
                   math.expm1(logs[i] - common), float(sigmas[i]), bool(beyond[i]))
        for i, name in enumerate(names)
    ]
    found.sort(key=lambda item: -abs(item.about_common))
    relative = np.abs(np.expm1(logs))
    at_pace = np.abs(np.exp(logs) / pace_factor - 1)
    return Group(
        matched=len(names), only_a=len(a) - len(names), only_b=len(b) - len(names),
        median_difference=float(np.median(relative)),
        p90_difference=float(np.percentile(relative, 90)),
        median_at_pace=float(np.median(at_pace)),
        p90_at_pace=float(np.percentile(at_pace, 90)),
        noise_a=float(np.median(a_noise)), noise_b=float(np.median(b_noise)),
        factor=math.exp(common), factor_noise=factor_noise,
        factor_beyond_noise=abs(common) > _SIGMAS * factor_noise,
        scatter=scatter, expected_scatter=float(np.median(noise)), beyond_noise=int(beyond.sum()),
        beyond_noise_share=float(beyond.mean()), false_share=FALSE_SHARE,
        largest=tuple(found[:largest]),
    )


def discoveries(sigmas: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of many deviations are no chance, with a bounded share of false findings.

    Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", 1995.

    Args:
        sigmas: deviations in standard deviations, shape ``(n,)``.

    Returns:
        Mask, shape ``(n,)``.
    """
    from scipy.stats import t

    # Scaled so that its standard deviation is 1.
    scale = math.sqrt(_FREEDOM / (_FREEDOM - 2))
    chance = 2 * t.sf(np.abs(sigmas) * scale, _FREEDOM)
    order = np.argsort(chance)
    count = len(chance)
    passed = np.flatnonzero(chance[order] <= FALSE_SHARE * np.arange(1, count + 1) / count)
    mask = np.zeros(count, dtype=bool)
    if len(passed):
        mask[order[: passed[-1] + 1]] = True
    return mask
