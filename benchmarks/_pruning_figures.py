"""What the trainings of `benchmarks.da_nas` say, and its tables."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks._figures import show

if TYPE_CHECKING:
    from supernet.space import SearchSpace
    from supernet.training.pruning_record import Scores

BOTH, GROWN, PLAIN = "grown and pruned", "grown", "plain"


def cheapness(space: SearchSpace, vector: npt.NDArray[np.int64]) -> Scores:
    """Minus the GFLOPs of an architecture with each choice in its place, by decision and value."""
    from supernet.training.sampling import gflops

    found: dict[str, dict[str, float]] = {}
    for place, decision in enumerate(space.decisions):
        found[decision.name] = {}
        for index, choice in enumerate(decision.choices):
            other = vector.copy()
            other[place] = index
            found[decision.name][str(choice)] = -gflops(space, other)
    return found


def correlations(stages: dict[str, list[dict[str, Any]]], cheap: Scores) -> dict[str, Any]:
    """Kendall's tau, see `supernet.training.pruning_record.agreement`, by what is compared.

    Args:
        stages: of each variant.
        cheap: see `cheapness`.
    """
    from supernet.training.pruning_record import agreement

    found: dict[str, Any] = {}
    for name, own in stages.items():
        for stage in own:
            found[f"{name}: {_named(stage)} with fewer multiply-adds"] = agreement(
                stage["scores"], cheap)
    for name in (BOTH, GROWN):
        for before, after in pairwise(stages[name]):
            found[f"{name}: {_named(before)} with {_named(after)}"] = agreement(
                before["scores"], after["scores"])
    last, plain = stages[GROWN][-1], stages[PLAIN][-1]
    for stage in stages[GROWN]:
        if stage is not last:
            found[f"{GROWN}: {_named(stage)} with the last"] = agreement(
                stage["scores"], last["scores"])
        found[f"{GROWN}: {_named(stage)} with the plain search"] = agreement(
            stage["scores"], plain["scores"])
    return found


def _named(stage: dict[str, Any]) -> str:
    return f"{stage['class_count']} classes"


def best_kept(variants: dict[str, Any]) -> dict[str, float]:
    """Share of layers whose likeliest choice in the plain search survived; what chance would do."""
    best, last = variants[PLAIN]["likeliest"], variants[BOTH]["stages"][-1]
    first = variants[BOTH]["stages"][0]["scores"]
    left = {name: {int(v) for v in own} - set(last["removed"][name])
            for name, own in last["scores"].items()}
    kept = [best[name] in own for name, own in left.items()]
    chance = [len(own) / len(first[name]) for name, own in left.items()]
    return {"share": sum(kept) / len(kept), "by_chance": sum(chance) / len(chance)}


def over_seeds(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of all seeds, the plain search's cost over the others', and its agreement with itself.

    Args:
        found: what was found with each seed.
    """
    from supernet.training.pruning_record import agreement

    variants = {
        name: {key: float(np.mean([each["variants"][name][key] for each in found]))
               for key in ("steps", "images", "seconds", "gflops", "alone_error")}
        for name in (BOTH, GROWN, PLAIN)
    }
    names = found[0]["correlations"]
    taus = {name: [each["correlations"][name]["kendall"] for each in found
                   if "kendall" in each["correlations"][name]] for name in names}
    plain = [each["variants"][PLAIN]["stages"][-1]["scores"] for each in found]
    for ours, theirs in permutations(range(len(found)), 2):
        for stage in found[ours]["variants"][GROWN]["stages"]:
            tau = agreement(stage["scores"], plain[theirs]).get("kendall")
            if tau is not None:
                taus.setdefault(f"{GROWN}: {_named(stage)} with the plain search of another seed",
                                []).append(tau)
    between = [agreement(ours, theirs).get("kendall") for ours, theirs in combinations(plain, 2)]
    return {
        "means": variants,
        "plain_over": {name: {key: variants[PLAIN][key] / variants[name][key]
                              for key in ("images", "seconds")} for name in (BOTH, GROWN)},
        "kendall": {name: {"mean": float(np.mean(own)), "least": min(own), "most": max(own)}
                    for name, own in taus.items() if own},
        "plain_between_seeds": [tau for tau in between if tau is not None],
        "best_kept": {key: float(np.mean([each["best_kept"][key] for each in found]))
                      for key in ("share", "by_chance")},
    }


def show_result(result: dict[str, Any]) -> None:
    """Prints what `over_seeds` found."""
    means, over = result["means"], result["plain_over"]
    show(f"{result['recipe']}: training, means of {len(result['seeds'])} seeds",
         ["", "steps", "images", "seconds", "plain over it: images", "seconds", "GFLOPs found",
          "its error alone, %"],
         [[name, f"{own['steps']:.0f}", f"{own['images']:.0f}", f"{own['seconds']:.0f}",
           *((f"{over[name][key]:.2f}" for key in ("images", "seconds")) if name in over
             else ("1", "1")), f"{own['gflops']:.4f}", f"{own['alone_error']:.1f}"]
          for name, own in means.items()])
    rows = [[name, f"{own['mean']:.2f}", f"{own['least']:.2f} to {own['most']:.2f}"]
            for name, own in result["kendall"].items()]
    between = result["plain_between_seeds"]
    if between:
        rows.append(["plain: one seed with another", f"{np.mean(between):.2f}",
                     f"{min(between):.2f} to {max(between):.2f}"])
    show("Kendall's tau of the scores of choices", ["", "mean", "over seeds"], rows)
    seconds = np.mean([each["reference"]["seconds"] for each in result["seeds"]])
    print(f"the reference, which tells what is easy, took {seconds:.0f} s more")
    kept = result["best_kept"]
    print(f"the plain search's likeliest choice survived pruning at {kept['share']:.0%} of the "
          f"layers, by chance {kept['by_chance']:.0%}")
