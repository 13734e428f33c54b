"""Does a supernet of NAS-Bench-Macro order its networks as training them alone did?

    python -m supernet.train --recipe nasbench-macro --network supernet --data cifar10 --out runs/sp
    python -m benchmarks.nasbench_macro_rank --supernet runs/sp --published nasbench_macro

Takes networks evenly over the published accuracies, scores each with inherited weights on held-out
images, and compares their order with that of the published accuracies. The indicator of the same
supernet, and the number of multiply-adds, are compared too: to be of use a supernet must beat the
latter.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import numpy.typing as npt
import typer

from benchmarks import _arguments
from luts import arguments, cli

if TYPE_CHECKING:
    from supernet.spaces.chain import ChainSpace

RECIPE = "nasbench-macro"


def main(
    supernets: Annotated[
        list[Path], typer.Option("--supernet", help="Training folder with a supernet; repeatable.")
    ],
    published: Annotated[Path, typer.Option(help="Folder of nas-bench-macro_cifar10.json.gz.")],
    count: Annotated[int, typer.Option(min=3, help="Networks to score.")] = 200,
    threads: arguments.TrainingThreads = None,
    out: _arguments.Folder = Path("runs/nasbench_macro_rank"),
) -> None:
    """Kendall's tau of inherited errors, indicator and multiply-adds with published accuracies."""
    from evolution.tabular.nasbench_macro import nasbench_macro
    from luts.files import writable_folder, write_json
    from luts.spaces import load_space
    from supernet.training.threads import prepare_thread

    problem = nasbench_macro(published)
    space = cast("ChainSpace", load_space(RECIPE))
    chosen = evenly(problem.accuracy, count)
    vectors = problem.space.grid[chosen]
    writable_folder(out)
    prepare_thread(threads)
    truth = -problem.accuracy[chosen]
    result = {
        "networks": len(chosen), "multiply-adds": agreement(-problem.costs["flops"][chosen], truth),
        "supernets": {str(folder): ranked(space, folder, vectors, truth) for folder in supernets},
    }
    write_json(out / "rank.json", result)
    print(json.dumps(result, indent=2))


def evenly(accuracy: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """Indices of networks evenly over the order of accuracies, shape ``(count,)``."""
    order = np.argsort(accuracy, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    chosen: npt.NDArray[np.int64] = order[places]
    return chosen


def ranked(
    space: ChainSpace, folder: Path, vectors: np.ndarray, truth: np.ndarray
) -> dict[str, Any]:
    """Agreement of one supernet's scores with the truth (smaller is better in both)."""
    import torch

    from luts.progress import counted
    from supernet.tasks.base import task_of
    from supernet.training.image_stage import trained_with
    from supernet.weights import load_part

    settings, place = trained_with(space, folder)
    judge = task_of(RECIPE).judge(RECIPE, settings, None, torch.device("cpu"), place)
    supernet, identity = load_part(space, "supernet", folder)
    scores: list[dict[str, float]] = []
    with counted("scoring", len(vectors)) as done:
        for vector in vectors:
            scores.append(judge.score_inherited(space, supernet, space.decode(vector)))
            done()
    values = {name: np.array([s[name] for s in scores]) for name in scores[0]}
    found = {name: agreement(each, truth) for name, each in values.items() if np.ptp(each) > 0}
    return {"identity": identity, **found}


def agreement(ours: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """See `supernet.fidelity.rank_agreement`."""
    from supernet.fidelity import rank_agreement

    return dict(rank_agreement(ours.tolist(), truth.tolist()))


if __name__ == "__main__":
    cli.run(main)
