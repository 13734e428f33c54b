"""What several commands ask of searches and workers, declared once for their command lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from luts import arguments


def _limit(help: str) -> Any:
    return typer.Option(metavar="LIMIT", help=help)


Target = Annotated[str, typer.Option(help="Target, such as cpu.")]
Recipe = Annotated[str, typer.Option(help="Recipe, which names the space.")]
Latency = Annotated[
    str | None,
    typer.Option(metavar="BUDGET", help="Budget relative to the reference network's predicted "
                 "latency (80%) or absolute (45ms). Default: the recipe's."),
]
LatencyMs = Annotated[
    str | None, typer.Option(metavar="MS", help="Latency budget in milliseconds.")
]
Threads = arguments.NetworkThreads
MemoryMib = Annotated[
    str | None,
    _limit("Most memory, weights and the largest step's activations, in MiB (20) or of the "
           "reference's (80%)."),
]
Parameters = Annotated[
    str | None, _limit("Most weights: 600k, or of the reference's (80%).")
]
Flops = Annotated[
    str | None,
    _limit("Most operations of an inference: 3.5G, or of the reference's (80%). A multiply-add "
           "counts as 2, so it is twice the MACs."),
]
EnergyMj = Annotated[
    str | None,
    _limit("Most energy of an inference in mJ, or of the reference's (80%), where the target's "
           "table has energies."),
]
AlsoTarget = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME[@THREADS][:BUDGET]", help="A further target on which the same "
                 "network must keep a budget, such as cpu@2:80%. Can be repeated."),
]
Pareto = Annotated[
    str | None,
    typer.Option(metavar="LOW..HIGH", help="Search the whole front over a range of budgets, such "
                 "as 50%..120%, instead of one network."),
]
AcceptEstimate = Annotated[
    bool,
    typer.Option("--accept-estimate", help="Take a target on which nothing was ever measured."),
]
Weights = Annotated[
    Path | None,
    typer.Option(help="Folder of a training run. Default: the weights of the package."),
]
AsJson = arguments.AsJson
Device = Annotated[
    str | None,
    typer.Option(help="Device to measure on: cpu, or cuda:0. Default: the target's kind."),
]
WorkerToken = Annotated[
    str | None,
    typer.Option(envvar="METRONAS_TOKEN", help="Token of role worker; better in the "
                 "environment than on the command line."),
]
