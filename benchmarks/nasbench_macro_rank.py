"""Does a supernet of NAS-Bench-Macro order its networks as training them alone did?

    python -m supernet.train --recipe nasbench-macro --network supernet --data cifar10 --out runs/sp
    python -m benchmarks.nasbench_macro_rank --supernet runs/sp --published nasbench_macro

Takes networks evenly over the published accuracies, scores each with inherited weights on held-out
images, and compares their order with that of the published accuracies. To be of use a supernet must
beat counting multiply-adds. What needs no images is compared for all networks: the indicator of the
same supernet, multiply-adds, the number of blocks, and the former two among networks of as many
blocks. What was scored is kept: a call that was stopped goes on where it stood.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import numpy.typing as npt
import typer

from benchmarks import _arguments
from benchmarks._without_data import without_data
from luts import arguments, cli
from luts.errors import UserError

if TYPE_CHECKING:
    from luts.files import Journal
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
    from luts.files import Journal, writable_folder, write_json
    from luts.spaces import load_space
    from supernet.training.threads import prepare_thread

    problem = nasbench_macro(published)
    space = cast("ChainSpace", load_space(RECIPE))
    chosen = evenly(problem.accuracy, count)
    prepare_thread(threads)
    opened = [Supernet(space, folder) for folder in supernets]
    truth = -problem.accuracy[chosen]
    unscored = without_data(space, problem, {str(each.folder): each.supernet for each in opened})
    journal = Journal(writable_folder(out) / "journal.jsonl")
    if not all({"supernet", "network", "scores"} <= set(record) for record in journal.records):
        raise UserError(f"--out {out}: its journal.jsonl is of something else; give another folder")
    ranked = {str(each.folder): each.ranked(chosen, problem.space.grid, truth, journal)
              for each in opened}
    journal.close()
    result = {
        "networks": len(chosen), "supernets": ranked,
        "multiply-adds": agreement(-problem.costs["flops"][chosen], truth), "all": unscored,
    }
    write_json(out / "rank.json", result)
    _show(result)
    print(f"written: {out / 'rank.json'}")


def evenly(accuracy: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """Indices of networks evenly over the order of accuracies, shape ``(count,)``."""
    order = np.argsort(accuracy, kind="stable")
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    chosen: npt.NDArray[np.int64] = order[places]
    return chosen


class Supernet:
    """A trained supernet and the images that were held out of its training.

    Args:
        space: NAS-Bench-Macro's.
        folder: of the training.

    Raises:
        UserError: it is not there, or its images are not.
    """

    def __init__(self, space: ChainSpace, folder: Path) -> None:
        import torch

        from supernet.tasks.base import task_of
        from supernet.training.checkpoint import load_checkpoint
        from supernet.training.image_stage import trained_with
        from supernet.weights import load_part, weights_path

        settings, place = trained_with(space, folder)
        self.space, self.folder = space, folder
        self.judge = task_of(RECIPE).judge(RECIPE, settings, None, torch.device("cpu"), place)
        path = weights_path(space.name, "supernet", folder)
        self.judge.check(load_checkpoint(path, recipe=RECIPE, network="supernet").identity,
                         str(folder))
        self.supernet, self.identity = load_part(space, "supernet", folder)

    def ranked(
        self, chosen: npt.NDArray[np.int64], grid: np.ndarray, truth: np.ndarray, journal: Journal
    ) -> dict[str, Any]:
        """Agreement of its scores with the truth (smaller is better in both).

        Args:
            chosen: which networks, as rows of the grid.
            grid: index vectors of all networks.
            truth: of the chosen ones.
            journal: of scores; what it holds is not scored again.
        """
        from luts.progress import counted

        digest = self.identity["supernet_sha256"]
        known = {record["network"]: record["scores"] for record in journal.records
                 if record["supernet"] == digest}
        with counted(f"scoring {self.folder}", len(chosen)) as done:
            for index in chosen.tolist():
                if index not in known:
                    known[index] = self.judge.score_inherited(
                        self.space, self.supernet, self.space.decode(grid[index]))
                    journal.append({"supernet": digest, "network": index, "scores": known[index]})
                done()
        scores = [known[index] for index in chosen.tolist()]
        values = {name: np.array([each[name] for each in scores]) for name in scores[0]}
        found = {name: agreement(each, truth) for name, each in values.items() if np.ptp(each) > 0}
        return {"identity": self.identity, **found}


def agreement(ours: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """See `supernet.fidelity.rank_agreement`."""
    from supernet.fidelity import rank_agreement

    return dict(rank_agreement(ours.tolist(), truth.tolist()))


def _show(result: dict[str, Any]) -> None:
    from benchmarks._figures import show

    rows = [["", "multiply-adds", result["multiply-adds"]], *(
        [folder, name, one] for folder, found in result["supernets"].items()
        for name, one in found.items() if name != "identity")]
    show(f"order of {result['networks']} networks against their published accuracies",
         ["supernet", "by", "Kendall's tau", "90 % interval", "Spearman"],
         [[folder, name, f"{one['kendall']:.3f}",
           f"{one['kendall_low']:.2f} to {one['kendall_high']:.2f}", f"{one['spearman']:.3f}"]
          for folder, name, one in rows])
    everyone = result["all"]["blocks"]["networks"]
    show(f"order of all {everyone} networks by what needs no images",
         ["by", "Kendall's tau", "90 % interval", "Spearman", "tau among as many blocks"],
         [[name, f"{one['kendall']:.3f}", f"{one['kendall_low']:.2f} to {one['kendall_high']:.2f}",
           f"{one['spearman']:.3f}", "-" if one["alike"] is None else f"{one['alike']:.3f}"]
          for name, one in result["all"].items()])


if __name__ == "__main__":
    cli.run(main, repeatable=True)
