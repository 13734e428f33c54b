"""What agrees because choices are cheap is told apart from what the data say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks._pruning_figures import (
    BOTH,
    GROWN,
    PLAIN,
    best_kept,
    cheapness,
    correlations,
    over_seeds,
    show_result,
)
from supernet.spaces.da_nas import da_nas_small
from supernet.training.sampling import gflops

CHEAP = {"layer1": {"0": -1.0, "1": -2.0, "2": -3.0}}


def stage(classes: int, *scores: float) -> dict[str, Any]:
    return {"class_count": classes, "removed": {"layer1": [2]},
            "scores": {"layer1": {str(index): value for index, value in enumerate(scores)}}}


def seed(turned: bool) -> dict[str, Any]:
    order = (3, 2, 1) if turned else (1, 2, 3)
    stages = {BOTH: [stage(2, 3, 2, 1), stage(4, 3, 2, 1)],
              GROWN: [stage(2, 3, 2, 1), stage(4, *order)], PLAIN: [stage(4, *order)]}
    variants = {name: {"stages": own, "steps": 1, "images": 2, "seconds": 3.0, "gflops": 0.1,
                       "alone_error": 9.0, "likeliest": {"layer1": 0 if turned else 2}}
                for name, own in stages.items()}
    return {"variants": variants, "correlations": correlations(stages, CHEAP),
            "best_kept": best_kept(variants), "reference": {"seconds": 1.0}}


def test_scores_are_compared_with_costs_and_with_other_seeds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours, theirs = seed(turned=False), seed(turned=True)
    own = ours["correlations"]
    assert own[f"{GROWN}: 2 classes with fewer multiply-adds"]["kendall"] == 1.0
    assert own[f"{PLAIN}: 4 classes with fewer multiply-adds"]["kendall"] == -1.0
    assert own[f"{GROWN}: 2 classes with the plain search"]["kendall"] == -1.0
    both = over_seeds([ours, theirs])
    assert both["plain_between_seeds"] == [-1.0]
    other = both["kendall"][f"{GROWN}: 2 classes with the plain search of another seed"]
    assert (other["least"], other["most"]) == (-1.0, 1.0)
    assert both["best_kept"] == pytest.approx({"share": 0.5, "by_chance": 2 / 3})
    show_result({"recipe": "da-nas-small", "seeds": [ours, theirs], **both})
    assert "with fewer multiply-adds" in capsys.readouterr().out


def test_cheapness_is_minus_the_cost_of_the_network_with_each_choice() -> None:
    space = da_nas_small()
    vector = space.smallest
    found = cheapness(space, vector)
    assert [len(own) for own in found.values()] == [len(d.choices) for d in space.decisions]
    first = space.decisions[0]
    changed = vector.copy()
    changed[0] = len(first.choices) - 1
    assert found[first.name][str(first.choices[-1])] == -gflops(space, changed)
    assert np.ptp(list(found[first.name].values())) > 0
