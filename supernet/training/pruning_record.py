"""What progressive pruning removed, and how its scores agree from one stage to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luts.files import read_json, write_json
from luts.space import OperatorSpace

PRUNING_FILE = "pruning.json"
"""In the folder of a trained supernet."""
Scores = Mapping[str, Mapping[str, float]]
"""By decision, the score of each choice that was left, by its value."""


def record_stage(
    path: Path, space: OperatorSpace, *, stage: int, step: int, classes: Sequence[int],
    scores: Sequence[npt.NDArray[np.float64]], removed: Sequence[Sequence[int]],
) -> None:
    """Adds a stage to the file; later ones, which a resumed training makes again, are dropped.

    Args:
        path: the file.
        space: names decisions and choices.
        stage: from 1.
        step: steps behind it.
        classes: those that it trained on.
        scores: probabilities by decision, 0 where a choice was removed before.
        removed: indices of choices that are removed now, by decision.
    """
    stages = [each for each in pruned_stages(path) if each["stage"] < stage]
    own: dict[str, dict[str, float]] = {}
    gone: dict[str, list[int]] = {}
    for decision, shares, indices in zip(space.decisions, scores, removed, strict=True):
        own[decision.name] = {str(value): float(share) for value, share in
                              zip(decision.choices, shares, strict=True) if share > 0}
        gone[decision.name] = [decision.choices[index] for index in indices]
    found: dict[str, Any] = {
        "stage": stage, "step": step, "class_count": len(classes), "classes": list(classes),
        "scores": own, "removed": gone,
    }
    if stages:
        found["agreement"] = agreement(stages[-1]["scores"], own)
    write_json(path, {"stages": [*stages, found]})


def pruned_stages(path: Path) -> list[dict[str, Any]]:
    """What the file holds; nothing where there is none."""
    return list(read_json(path)["stages"]) if path.is_file() else []


def agreement(before: Scores, after: Scores) -> dict[str, float | int]:
    """How scores of the same choices order them twice, such as before and after classes are added.

    Only choices that both have are compared, and only within a decision, since only there do
    scores compete.

    Returns:
        ``kendall``: concordant less discordant pairs, over all pairs that neither order has tied
        (Kendall's tau over all decisions together; absent without such pairs), and ``pairs``.
    """
    total = pairs = 0
    for name, own in after.items():
        both = [value for value in own if value in before.get(name, {})]
        ours = np.array([own[value] for value in both])
        theirs = np.array([before[name][value] for value in both])
        signs = np.sign(ours[:, None] - ours) * np.sign(theirs[:, None] - theirs)
        upper = signs[np.triu_indices(len(both), 1)]
        total += int(upper.sum())
        pairs += int(np.count_nonzero(upper))
    return {"kendall": total / pairs, "pairs": pairs} if pairs else {"pairs": 0}
