"""What scoring part of the validation pairs first would save, and lose.

    python -m benchmarks.halving --architectures 24
    python -m benchmarks.halving --scores runs/halving.json

Random architectures of a recipe's space are scored on parts of the validation pairs and on all.
From these scores: how well a part orders architectures (Kendall's tau), and, over random batches,
what halving costs of scoring all on all pairs, and how often the best of a batch is promoted.
``--scores`` works on what an earlier call recorded; what an interrupted one had scored is kept
beside its file, and ``--resume`` goes on with it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._resumed import opened
from luts import cli
from luts.errors import UserError
from luts.files import Journal, read_json, writable_folder, write_json

PARTS = (1, 2, 4)
SHARES = (0.2, 0.4, 0.6)
_BATCHES = 2000

Scores = list[dict[str, Any]]


def main(
    recipe: Annotated[str, typer.Option(help="Recipe of the space and its fitness.")] =
    "flownas-small",
    architectures: Annotated[int, typer.Option(min=5, help="Architectures to score.")] = 24,
    batch: Annotated[int, typer.Option(min=2, help="Architectures of a batch.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of architectures and batches.")] = 0,
    scores: Annotated[
        Path | None, typer.Option(help="Scores that were recorded earlier: a file of --out.")
    ] = None,
    out: _arguments.JsonFile = Path("runs/halving.json"),
    resume: _arguments.Resume = False,
) -> None:
    """Cost of halving, and how often the best of a batch gets through."""
    from rich.console import Console
    from rich.table import Table

    writable_folder(out.parent)
    if scores:
        recorded = _recorded(scores, batch)
    else:
        from supernet.accuracy import load_accuracy

        accuracy = load_accuracy(recipe)
        settings = {"recipe": recipe, "architectures": architectures, "seed": seed,
                    "accuracy": dict(accuracy.identity)}
        journal, _ = opened(out.with_suffix(".jsonl"), settings, resume=resume)
        recorded = score(recipe, accuracy, architectures, seed, journal)
    rows = [row(recorded, part, share, batch, seed) for part in PARTS for share in SHARES]
    shown = Table(title=f"{len(recorded)} architectures, batches of {batch}")
    for name in rows[0]:
        shown.add_column(name.replace("_", " "), justify="right")
    for one in rows:
        shown.add_row(*(f"{value:.3g}" for value in one.values()))
    Console().print(shown)
    write_json(out, {"recipe": recipe, "seed": seed, "batch": batch, "rows": rows,
                     "scores": recorded})


def row(recorded: Scores, pairs: int, share: float, batch: int, seed: int) -> dict[str, float]:
    """What halving with these settings would have done to random batches.

    Args:
        recorded: per architecture, ``fitness`` and ``seconds`` by number of pairs, ``all`` for all.
        pairs: of the part.
        share: of a batch that is promoted.
        batch: architectures of a batch.
        seed: of the batches.

    Returns:
        Settings, ``tau`` between part and all, ``cost`` relative to scoring all on all pairs,
        ``best_promoted``, the share of batches whose best got through, and ``loss``, the mean
        excess of the best that got through over the best.
    """
    from scipy.stats import kendalltau

    part, whole = (np.array([one["fitness"][key] for one in recorded])
                   for key in (str(pairs), "all"))
    part_s, whole_s = (np.array([one["seconds"][key] for one in recorded])
                       for key in (str(pairs), "all"))
    rng = np.random.default_rng(seed)
    promoted = int(np.ceil(batch * share))
    costs, hits, losses = [], [], []
    for _ in range(_BATCHES):
        chosen = rng.choice(len(recorded), batch, replace=False)
        kept = chosen[np.argsort(part[chosen], kind="stable")[:promoted]]
        costs.append((part_s[chosen].sum() + whole_s[kept].sum()) / whole_s[chosen].sum())
        losses.append(whole[kept].min() - whole[chosen].min())
        hits.append(losses[-1] == 0)
    return {"pairs": pairs, "share": share, "promoted": promoted,
            "tau": float(kendalltau(part, whole).statistic), "cost": float(np.mean(costs)),
            "best_promoted": float(np.mean(hits)), "loss": float(np.mean(losses))}


def score(recipe: str, accuracy: Any, count: int, seed: int, journal: Journal) -> Scores:
    """Scores random architectures on each part and on all; each is on disk before the next.

    Args:
        recipe: of the space and its fitness.
        accuracy: scores them.
        count: how many.
        seed: of the draw.
        journal: holds those that are known, after its first record.
    """
    from evolution.recipe import load_recipe
    from evolution.scoring import weighted
    from luts.progress import counted
    from luts.spaces import load_space

    weights, space = load_recipe(recipe).strategy.fitness, load_space(recipe)
    known = len(journal.records) - 1
    with counted("scoring", count, known) as advance:
        for vector in space.sample(np.random.default_rng(seed), count)[known:]:
            architecture = space.decode(vector)
            fitness, seconds = {}, {}
            for pairs in (*PARTS, None):
                began = time.perf_counter()
                metrics = accuracy.score(architecture, pairs)
                name = "all" if pairs is None else str(pairs)
                seconds[name] = time.perf_counter() - began
                fitness[name] = weighted(metrics, weights)
            journal.append({"vector": vector.tolist(), "fitness": fitness, "seconds": seconds})
            advance()
    return journal.records[1:]


def _recorded(path: Path, batch: int) -> Scores:
    found = read_json(path)
    if not isinstance(found, dict) or not isinstance(found.get("scores"), Sequence):
        raise UserError(f"--scores '{path}' holds no scores; give a file that --out wrote")
    if len(found["scores"]) < batch:
        raise UserError(f"--scores '{path}' holds {len(found['scores'])} architectures, fewer than "
                        f"--batch {batch}")
    return list(found["scores"])


if __name__ == "__main__":
    cli.run(main, resumable=True)
