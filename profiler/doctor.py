"""Command line: says what on this machine spoils measurements, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luts import cli

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profiler._system import Finding


def main(
    *,
    device: Annotated[
        str, typer.Option(help="cpu, or cuda:0 to look at that GPU too.")
    ] = "cpu",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array instead.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where anything is bad.")
    ] = False,
) -> int:
    """Looks at this machine for about a second; it reads only and changes nothing.

    For instance:

        python -m profiler.doctor

        python -m profiler.doctor --device cuda:0 --json

        python -m profiler.doctor --strict && python -m profiler.build_lut --device cpu
    """
    import json
    import re
    from dataclasses import asdict

    from luts.errors import UserError
    from profiler._clock import SystemClock
    from profiler._diagnosis import diagnose
    from profiler._system import System

    named = re.fullmatch(r"cpu|cuda(?::(\d+))?", device)
    if named is None:
        raise UserError(f"unknown device '{device}'; known: cpu, cuda:0 (or another number)")
    gpu = None if device == "cpu" else int(named[1] or 0)
    found = diagnose(System(), SystemClock(), gpu=gpu)
    if as_json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        _show(found)
    return 1 if strict and any(finding.state == "bad" for finding in found) else 0


def _show(found: Sequence[Finding]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {"bad": "red", "warn": "yellow", "ok": "green", "unknown": "dim"}
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("check", "state", "found, and what to do"):
        table.add_column(name)
    # The worst first; a stable sort keeps the order of the checks.
    for finding in sorted(found, key=lambda finding: list(styles).index(finding.state)):
        text = f"{finding.found}\n-> {finding.advice}" if finding.advice else finding.found
        table.add_row(finding.check, Text(finding.state, styles[finding.state]), Text(text))
    console = Console(highlight=False)
    console.print(table)
    bad = sum(finding.state == "bad" for finding in found)
    doubtful = sum(finding.state == "warn" for finding in found)
    if bad:
        console.print(f"{bad} finding(s) spoil measurements here, {doubtful} more may.")
    elif doubtful:
        console.print(f"Nothing spoils measurements here; {doubtful} finding(s) may.")
    else:
        console.print("Nothing was found that spoils measurements here.")


if __name__ == "__main__":
    cli.run(main)
