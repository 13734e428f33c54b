"""Does the bound hold for networks that a search proposes, as it does for random ones?

    python -m benchmarks.proposals runs/quickstart --samples 60

A conformal bound is promised for networks drawn as the calibration networks were: at random. A
search picks networks because their prediction is low. Both kinds are measured here, mixed in
random order. Where the machine's level has moved since its table, neither kind keeps the bound; so
they are judged at the level that the reference shows in between as well, as a search scales its
bounds by it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.errors import UserError
from luts.files import Journal, read_json, writable_folder, write_json


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a search.")],
    *,
    samples: Annotated[int, typer.Option(min=4, help="Networks of each kind.")] = 60,
    seed: arguments.DrawsSeed = 21,
    out: _arguments.JsonFile = Path("runs/proposals.json"),
) -> None:
    """Coverage and errors on proposals of a search, beside random networks."""
    from evolution.folder import JOURNAL, SETTINGS
    from evolution.ledger import EVALUATED
    from predictor.evaluation import REPEAT_EVERY, evaluate, fresh_architectures
    from predictor.load import load_predictor, load_space_and_table
    from profiler.timing import measure_model

    if not (run / SETTINGS).is_file():
        raise UserError(f"'{run}' is no folder of a search (no {SETTINGS})")
    samples = -(-samples // REPEAT_EVERY) * REPEAT_EVERY
    writable_folder(out.parent)
    settings = read_json(run / SETTINGS)
    target, threads = settings["target"], settings["threads"]
    space, table = load_space_and_table(target, settings["recipe"], threads)
    predictor = load_predictor(target, settings["recipe"], threads)
    rng = np.random.default_rng(seed)
    known = {sample.vector for sample in table.networks if sample.vector is not None}
    journal = Journal(run / JOURNAL)
    journal.close()
    proposed = {tuple(r["vector"]) for r in journal.records if r["event"] == EVALUATED} - known
    if len(proposed) < samples:
        raise UserError(f"'{run}' proposed {len(proposed)} networks that the table does not hold; "
                        f"ask for at most --samples {len(proposed)}")
    pool = np.array(sorted(proposed), dtype=np.int64)
    vectors = np.empty((2 * samples, pool.shape[1]), dtype=np.int64)
    # In turns of four, so that those which are measured twice fall on both kinds.
    kinds = np.arange(2 * samples) // REPEAT_EVERY % 2
    vectors[kinds == 0] = pool[rng.choice(len(pool), samples, replace=False)]
    vectors[kinds == 1] = fresh_architectures(space, known | proposed, samples, rng)

    def measure(path: Path) -> tuple[float, float]:
        timed = measure_model(path, target=target, threads=threads, min_samples=12,
                              precision=table.info.precision)
        return timed.median_ms, table.info.pace.slowness(timed.pace_ms)

    result = evaluate(predictor, vectors, measure, rng)
    level = float(np.median(result.levels))
    rows: dict[str, Any] = {}
    for kind, name in enumerate(("proposed by the search", "random")):
        own = kinds == kind
        part = replace(result, **{field: getattr(result, field)[own] for field in (
            "vectors", "predicted_ms", "upper_ms", "measured_ms", "again_ms", "slowness",
            "again_slowness", "levels", "again_levels")})
        rows[name] = {"clock": asdict(part.accuracy), "pace": asdict(part.accuracy_at_pace),
                      "level": asdict(part.accuracy_at_level), "pairs": part.records()}
    _show(rows, predictor.level, level)
    write_json(out, {"run": run.name, "seed": seed, "level": predictor.level, "rows": rows,
                     "session_level": level, "table": table.identity})


def _show(rows: dict[str, Any], level: float, session: float) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=f"bound at level {level:g}; at one pace, the machine takes {session:.3f} "
                        "times what its table says")
    for title in ("networks", "MAPE at pace", "bias", "within 5 %", "covered as the clock showed",
                  "covered at pace", "covered at pace and level"):
        shown.add_column(title)
    for name, found in rows.items():
        pace = found["pace"]
        shown.add_row(f"{pace['n']} {name}", f"{pace['mape']:.2%}", f"{pace['bias']:+.2%}",
                      f"{pace['within_5']:.0%}", f"{found['clock']['coverage']:.1%}",
                      f"{pace['coverage']:.1%}", f"{found['level']['coverage']:.1%}")
    Console().print(shown)


if __name__ == "__main__":
    cli.run(main)
