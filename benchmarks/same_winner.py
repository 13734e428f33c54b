"""Whether a search finds the same whatever happens to it.

    python -m benchmarks.same_winner --evaluations 20 --kills 20

One small search, twice; then in many folders, killed (SIGKILL) at a random moment of its life and
resumed; then with two processes that score, once undisturbed and once with one of them killed; then
on a Ray cluster of two workers of this machine, one of which is killed. All scores and the winner
must be equal to the last bit. The default target's latencies are estimated, so that nothing that is
measured can make a difference; with one that is here, verification measures, and may strike other
candidates in one run than in another.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks._same_runs import WORKERS, Found, Searches
from luts import cli
from luts.errors import UserError
from luts.files import writable_folder, write_json

_DIFFERS = 1
# Draws of a moment for each kill: a search can end before its moment.
_TRIES = 5
_SHOWN = ("scores_equal", "winner_equal", "killed_after_s", "scored_before", "orphans", "struck")

Row = dict[str, Any]


def main(
    target: Annotated[str, typer.Option(help="Target of the searches.")] = "rtx3090",
    recipe: Annotated[str, typer.Option(help="Recipe of the searches.")] = "flownas-small",
    evaluations: Annotated[
        int, typer.Option(min=4, help="Architectures that each search scores.")
    ] = 20,
    kills: Annotated[int, typer.Option(min=0, help="Searches that are killed and resumed.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the searches and the moments.")] = 0,
    ray: Annotated[bool, typer.Option(help="Whether to search on a Ray cluster too.")] = True,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/same_winner.json"),
) -> int:
    """Compares winner and all scores of searches that were killed; exit code 1 if any differs.

    For instance:

        python -m benchmarks.same_winner

        python -m benchmarks.same_winner --evaluations 8 --kills 2 --no-ray
    """
    from rich.console import Console
    from rich.table import Table

    if ray and importlib.util.find_spec("ray") is None:
        raise UserError("a Ray cluster needs Ray; install it with: pip install 'metronas[scale]', "
                        "or give --no-ray")
    writable_folder(out.parent)
    options = ["--target", target, "--recipe", recipe, "--evaluations", str(evaluations),
               "--seed", str(seed)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as root:
        searches = Searches(options, Path(root))
        seconds = searches.finish("first")
        wanted = Found.of(Path(root) / "first")
        rng = np.random.default_rng(seed)
        # The first one also reads everything from the disk for the first time.
        seconds = min(seconds, searches.finish("again"))
        for name, row in _attempts(searches, seconds, kills, rng, evaluations, ray=ray):
            found = Found.of(Path(root) / name)
            rows.append({
                "search": name, **row, "scores_equal": found.scores == wanted.scores,
                "winner_equal": found.winner == wanted.winner,
                "evaluations": len(found.scores), "struck": found.struck,
            })
            print(f"{len(rows)}: {name}", flush=True)
    same = all(row["scores_equal"] and row["winner_equal"] for row in rows)
    shown = Table(title=f"{recipe} on {target}, seed {seed}, {len(wanted.scores)} evaluations; "
                        f"unbroken in {seconds:.0f} s")
    shown.add_column("search", no_wrap=True)
    for name in _SHOWN:
        shown.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        shown.add_row(row["search"], *(_text(row.get(name)) for name in _SHOWN))
    Console().print(shown)
    print("all are equal" if same else "NOT all are equal")
    write_json(out, {"target": target, "recipe": recipe, "seed": seed, "kills": kills,
                     "evaluations": len(wanted.scores), "seconds": seconds, "same": same,
                     "struck": wanted.struck, "winner": wanted.winner, "searches": rows})
    return 0 if same else _DIFFERS


def _attempts(
    searches: Searches, seconds: float, kills: int, rng: np.random.Generator, evaluations: int, *,
    ray: bool,
) -> Iterator[tuple[str, Row]]:
    """Name of each finished search, and what was done to it."""
    yield "again", {}
    for number in range(1, kills + 1):
        yield _killed(searches, f"killed {number}", seconds, rng)
    searches.finish("2 processes", "--workers", "2")
    yield "2 processes", {}
    yield _killed(searches, "2 processes, killed", seconds, rng, "--workers", "2")
    middle = int(rng.integers(1, evaluations // 2))
    losses: dict[str, list[str]] = {"processes": []}
    if ray:
        losses["ray"] = ["--ray", "local"]
    for pool, more in losses.items():
        name = f"2 workers ({pool}), one killed"
        count = searches.lose_worker(name, WORKERS[pool], middle, "--workers", "2", *more)
        yield name, {"scored_before": count}


def _killed(
    searches: Searches, name: str, seconds: float, rng: np.random.Generator, *more: str
) -> tuple[str, Row]:
    for attempt in range(1, _TRIES + 1):
        folder = f"{name} ({attempt})" if attempt > 1 else name
        moment_s = float(rng.uniform(0, seconds))
        killed = searches.kill(folder, moment_s, *more)
        if killed is not None:
            searches.finish(folder, *more, "--resume")
            return folder, {"killed_after_s": round(moment_s, 2), "scored_before": killed[0],
                            "orphans": killed[1]}
    raise UserError(f"{name}: {_TRIES} searches ended before the moment at which they were to be "
                    "killed; give more --evaluations")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    cli.run(main)
