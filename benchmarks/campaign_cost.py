"""What a campaign costs beside the inferences that it needs.

    python -m benchmarks.campaign_cost --target cpu

Reads the journal of a finished campaign: wall time from its first to its last record, the time of
the inferences in it (end to end, profiled, and of the canary), and operators covered a minute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks import _arguments
from luts import cli
from luts.errors import UserError
from luts.files import Journal, write_json


def main(
    target: Annotated[str, typer.Option(help="Target of the table.")] = "cpu",
    recipe: Annotated[str, typer.Option(help="Recipe of the table.")] = "flownas-small",
    threads: Annotated[int, typer.Option(min=1, help="Threads of the table.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Folder of the campaign.")] = None,
    out: _arguments.JsonFile = Path("runs/campaign_cost.json"),
) -> None:
    """Campaign time over the pure inference time in it."""
    from rich.console import Console
    from rich.table import Table

    from luts.paths import table_folder
    from luts.table import LatencyTable
    from profiler._state import JOURNAL

    place = folder or table_folder(target, recipe, "onnxruntime", "fp32", 1, threads)
    if not (place / JOURNAL).is_file():
        raise UserError(f"no journal of a campaign in '{place}'")
    journal = Journal(place / JOURNAL)
    journal.close()
    visits = [record for record in journal.records if record["kind"] == "visit"]
    canaries = [record for record in journal.records if record["kind"] == "canary"]
    if len(visits) < 2:
        raise UserError(f"the campaign in '{place}' has {len(visits)} timings; finish it first")
    dates = [record["date_s"] for record in [*visits, *canaries]]
    # The first inference of a profiled session only warms up.
    profiled_s = sum((v["runs"] + 1) * v["latency_ms"] for v in visits) / 1e3
    canary_s = sum((c["samples"] + c["discarded"]) * c["latency_ms"] for c in canaries) / 1e3
    inference_s = sum(v["seconds"] for v in visits) + profiled_s + canary_s
    wall_s = max(dates) - min(dates) + visits[0]["seconds"]
    operators = LatencyTable.load(place).info.rows
    found = {
        "wall_s": wall_s, "inference_s": inference_s, "ratio": wall_s / inference_s,
        "timings": len(visits), "operators": operators,
        "operators_per_minute": 60 * operators / wall_s,
    }
    shown = Table(title=f"cost of the campaign in {place.name}", show_header=False)
    for name, value in found.items():
        shown.add_row(name, f"{value:.2f}")
    Console().print(shown)
    write_json(out, found)


if __name__ == "__main__":
    cli.run(main)
