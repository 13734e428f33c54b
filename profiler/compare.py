"""Command line: says whether two tables, or two measured models, differ beyond noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luts import arguments, cli

if TYPE_CHECKING:
    from profiler._verdict import Comparison


def main(
    a: Annotated[Path, typer.Argument(help="Folder of a table, or file of measure --json.")],
    b: Annotated[Path, typer.Argument(help="The other one.")],
    *,
    as_json: arguments.AsJson = False,
) -> int:
    """Compares two measurements; exit code 0: the same within noise, 1: they differ.

    For instance:

        python -m profiler.compare monday/table friday/table

        python -m profiler.compare before.json after.json --json
    """
    import json

    from profiler._sides import load_side
    from profiler._verdict import compare

    found = compare(load_side(a), load_side(b))
    if as_json:
        print(json.dumps(found.as_json(), indent=2, allow_nan=False))
    else:
        _show(found)
    return 0 if found.same else 1


def _show(found: Comparison) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in found.groups:
        table.add_column(name, justify="right")
    groups = found.groups.values()
    for title, cells in (
        ("on both sides", [f"{g.matched}" for g in groups]),
        ("only in A, only in B", [f"{g.only_a}, {g.only_b}" for g in groups]),
        ("difference, median", [_percent(g.median_difference) for g in groups]),
        ("difference, 90th percentile", [_percent(g.p90_difference) for g in groups]),
        ("at one pace, median", [_percent(g.median_at_pace) for g in groups]),
        ("at one pace, 90th percentile", [_percent(g.p90_at_pace) for g in groups]),
        ("noise of A, of B", [f"{_percent(g.noise_a)}, {_percent(g.noise_b)}" for g in groups]),
        ("common factor B / A", [f"{g.factor:.4f} ± {g.factor_noise:.4f}" for g in groups]),
        ("scatter about it", [_percent(g.scatter) for g in groups]),
        ("scatter by noise alone", [_percent(g.expected_scatter) for g in groups]),
        ("beyond noise", [f"{g.beyond_noise} ({_percent(g.beyond_noise_share)})"
                          for g in groups]),
    ):
        table.add_row(title, *cells)
    if found.groups:
        console.print(table)
        share = next(iter(groups)).false_share
        console.print(f"\"Beyond noise\" takes into account how many were compared: chance put at "
                      f"most {100 * share:.0f} % of these there. Noise: {found.noise_source[0]} "
                      f"(A), {found.noise_source[1]} (B).")
    if found.pace_factor != 1:
        console.print(f"The machine's pace explains a factor B / A of {found.pace_factor:.4f}.")
    for name, group in found.groups.items():
        if group.matched == 1:
            continue
        largest = Table(title=f"{name}: largest differences about the common factor",
                        title_justify="left", box=box.SIMPLE_HEAD)
        largest.add_column("item", overflow="fold")
        for head in ("A ms", "B ms", "B / A", "about", "real"):
            largest.add_column(head, justify="right", no_wrap=True)
        for item in group.largest:
            largest.add_row(Text(item.item), f"{item.a_ms:.4f}", f"{item.b_ms:.4f}",
                            f"{item.difference:+.1%}", f"{item.about_common:+.1%}",
                            "yes" if item.beyond_noise else "no")
        console.print(largest)
    for name, (left, right) in found.different.items():
        console.print(f"different {name}: {left} / {right}")
    for warning in found.warnings:
        console.print(f"warning: {warning}")
    console.print(f"verdict: {found.words}")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


if __name__ == "__main__":
    cli.run(main)
