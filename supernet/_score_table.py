"""The table that `supernet.evaluate` prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

_MOST_ROWS = 40


def show(scored: Sequence[dict[str, Any]], rows_are: str, row: str) -> None:
    """Prints a table on a terminal, tab-separated lines elsewhere.

    Args:
        scored: parts, each with ``data``, ``group``, ``count``, ``mean`` and its rows by name.
        rows_are: key of these rows.
        row: word for one of them.
    """
    names = list(scored[0]["mean"])
    rows = []
    for item in scored:
        data = f"{item['data']} {item['group']}".rstrip()
        brief = sys.stdout.isatty() and len(item[rows_are]) > _MOST_ROWS
        shown = [] if brief else list(item[rows_are].items())
        shown.append((f"mean of {item['count']}", item["mean"]))
        for name, metrics in shown:
            figures = ["" if metrics[n] is None else f"{metrics[n]:.3f}" for n in names]
            rows.append([data, name, *figures])
    if not sys.stdout.isatty():
        for line in (["data", row, *names], *rows):
            print("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for place, name in enumerate(("data", row, *names)):
        table.add_column(name, justify="left" if place < 2 else "right")
    for line in rows:
        table.add_row(*line)
    Console().print(table)
