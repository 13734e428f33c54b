"""Command line: a new device from other devices, its data sheet and few measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from luts import arguments, cli
from luts.errors import UserError


def main(
    *,
    networks: Annotated[
        Path | None,
        typer.Argument(help="CSV or TSV: network, columns x:... that describe it, devices in ms."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Column of the new device, empty where not measured.")
    ] = None,
    propose: Annotated[
        int, typer.Option(min=0, help="Names so many networks that are worth measuring.")
    ] = 0,
    target: Annotated[
        str | None, typer.Option(help="New device: a target, or a TOML file like a target's.")
    ] = None,
    table: Annotated[
        list[Path] | None, typer.Option(help="Folder of another device's latency table; repeat.")
    ] = None,
    measured: Annotated[
        Path | None, typer.Option(help="CSV: operator key, ms on the new device.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Recipe whose operators are estimated.")
    ] = "flownas-small",
    level: Annotated[float, typer.Option(help="Share of measurements inside the interval.")] = 0.95,
    seed: arguments.EverySeed = 0,
    out: Annotated[Path | None, typer.Option(help="CSV or TSV file of the estimates.")] = None,
    json_: arguments.PrintJson = False,
) -> None:
    """Estimates a new device, and says how well the same goes for devices that are known.

    Networks: a file of networks by devices gives the latency of all networks on a device on which
    few were measured. Operators: a target's data sheet and the latency tables of other devices
    give the latency of a recipe's operators on it. Both leave each known device out in turn and
    print that error.

    Examples:
        python -m predictor.transfer latencies.csv --device pi5 --propose 20

        python -m predictor.transfer latencies.csv --device pi5 --out pi5.csv

        python -m predictor.transfer --target rtx3090 --recipe flownas-small --out rtx3090.csv
    """
    from predictor.conformal import fewest_scores

    fewest_scores(level)
    if (networks is None) == (target is None):
        raise UserError(
            "give either a file of networks with --device, or --target with the tables of other "
            "devices; see --help"
        )
    if networks is not None:
        if device is None:
            raise UserError(f"'{networks}' needs --device, the column of the new device")
        from predictor.networks.command import transfer_networks

        found = transfer_networks(networks, device, propose=propose, seed=seed, out=out)
    else:
        from predictor.operators.command import transfer_operators

        assert target is not None
        found = transfer_operators(
            target, table or [], measured, recipe=recipe, level=level, seed=seed, out=out
        )
    _report(found, json_)


def _report(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    shown = Table(title=found["title"], show_header=False)
    for name, value in found["facts"].items():
        shown.add_row(name, str(value))
    console.print(shown)
    left: Sequence[dict[str, Any]] = found["left_out"]
    if not left:
        console.print("leave-one-device-out error: unknown, for only one device is known")
        return
    judged = Table(title="the same for each known device, left out in turn")
    for name in left[0]:
        judged.add_column(name.replace("_", " "))
    for row in left:
        judged.add_row(*(f"{v:.2%}" if isinstance(v, float) and "spearman" not in k
                         else f"{v:.4f}" if isinstance(v, float) else str(v)
                         for k, v in row.items()))  # fmt: skip
    console.print(judged)


if __name__ == "__main__":
    cli.run(main)
