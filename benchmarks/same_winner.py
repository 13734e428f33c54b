"""Whether a search finds the same whatever happens to it.

    python -m benchmarks.same_winner --evaluations 20 --kills 20

One small search, twice; then searches that are killed (SIGKILL) at random moments of their lives
and resumed, several times each; then with two processes that score, once undisturbed, once killed
and once with one of them killed; then on a Ray cluster of two workers of this machine, one of which
is killed. All scores and the winner must be equal to the last bit.

Moments are uniform over the life of an undisturbed search. A search that is killed at several of
them goes on each time from what it kept, so that all of its moments together cost little more than
one search; ``--each 1`` takes a search for every kill. The default target's latencies are
estimated, so that nothing that is measured can make a difference; with one that is here,
verification measures, and may strike other candidates in one run than in another. What was compared
is kept, and ``--resume`` goes on with it.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import _arguments
from benchmarks._resumed import opened
from benchmarks._same_kills import Comparison
from benchmarks._same_runs import Searches
from luts import cli
from luts.errors import UserError
from luts.files import write_json

_DIFFERS = 1
_SHOWN = ("scores_equal", "winner_equal", "killed_after_s", "scored_before", "orphans", "struck")


def main(
    target: Annotated[str, typer.Option(help="Target of the searches.")] = "rtx3090",
    recipe: Annotated[str, typer.Option(help="Recipe of the searches.")] = "flownas-small",
    evaluations: Annotated[
        int, typer.Option(min=4, help="Architectures that each search scores.")
    ] = 20,
    kills: Annotated[int, typer.Option(min=0, help="Kills at random moments.")] = 20,
    each: Annotated[int, typer.Option(min=1, help="Kills of one search, one by one.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the searches and the moments.")] = 0,
    ray: Annotated[bool, typer.Option(help="Whether to search on a Ray cluster too.")] = True,
    out: _arguments.Folder = Path("runs/same_winner"),
    resume: _arguments.Resume = False,
) -> int:
    """Compares winner and all scores of searches that were killed; exit code 1 if any differs.

    For instance:

        python -m benchmarks.same_winner

        python -m benchmarks.same_winner --evaluations 8 --kills 2 --no-ray
    """
    if ray and importlib.util.find_spec("ray") is None:
        raise UserError("a Ray cluster needs Ray; install it with: pip install 'metronas[scale]', "
                        "or give --no-ray")
    settings = {"target": target, "recipe": recipe, "evaluations": evaluations, "seed": seed,
                "kills": kills, "each": each}
    journal, _ = opened(out / "same_winner.jsonl", settings, resume=resume)
    options = ["--target", target, "--recipe", recipe, "--evaluations", str(evaluations),
               "--seed", str(seed)]
    # Searches that a killed benchmark left half-way are no evidence; one may even go on.
    for left in out.glob("searches-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="searches-", dir=out, ignore_cleanup_errors=True
                                     ) as root:
        compared = Comparison(Searches(options, Path(root)), journal, seed, evaluations)
        compared.twice()
        compared.killed(kills, each)
        compared.with_workers(ray=ray)
    rows = compared.rows
    same = all(row["scores_equal"] and row["winner_equal"] for row in rows)
    write_json(out / "same_winner.json", {
        **settings, "seconds": compared.life.seconds, "same": same,
        "kills_done": sum(len(row.get("killed_after_s", ())) for row in rows),
        "orphans": sum(row.get("orphans", 0) for row in rows), "searches": rows})
    _show(rows, f"{recipe} on {target}, seed {seed}, {evaluations} evaluations; unbroken in "
                f"{compared.life.seconds:.0f} s")
    print("all are equal" if same else f"NOT all are equal; see {out}/differs")
    return 0 if same else _DIFFERS


def _show(rows: list[dict[str, Any]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title)
    shown.add_column("search", no_wrap=True)
    for name in _SHOWN:
        shown.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        shown.add_row(row["search"], *(_text(row.get(name)) for name in _SHOWN))
    Console().print(shown)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:.1f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    cli.run(main, resumable=True)
