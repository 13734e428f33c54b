"""What several commands ask, declared once for their command lines."""

from __future__ import annotations

from typing import Annotated

import typer

Recipe = Annotated[str, typer.Option(help="Recipe of the space.")]
MeasuredRecipe = Annotated[str, typer.Option(help="Recipe whose space is measured.")]
UsedRecipe = Annotated[str, typer.Option(help="Recipe whose space is used.")]
MeasuredTarget = Annotated[str, typer.Option(help="Target to measure on, such as cpu.")]
Runtime = Annotated[
    str | None, typer.Option(help="What executes the networks. Default: the target's best.")
]
Precision = Annotated[str, typer.Option(help="Arithmetic precision.")]
Batch = Annotated[int, typer.Option(min=1, help="Inputs per inference.")]
NetworkThreads = Annotated[int, typer.Option(min=1, help="Threads that the network runs on.")]
OperatorThreads = Annotated[int, typer.Option(min=1, help="Threads within one operator.")]
TrainingDevice = Annotated[str, typer.Option(help="Where to train: cpu, or cuda:0.")]
TrainingThreads = Annotated[int | None, typer.Option(min=1, help="CPU threads [all].")]
DrawsSeed = Annotated[int, typer.Option(min=0, help="Seed of the draws.")]
EverySeed = Annotated[int, typer.Option(min=0, help="Seed of all draws.")]
Level = Annotated[
    float, typer.Option(help="Share of fresh measurements below the upper bound.")
]
Wait = Annotated[
    float,
    typer.Option(min=0, help="Seconds to wait for another process that measures the device."),
]
ResumeCampaign = Annotated[
    bool, typer.Option("--resume", help="Go on with an unfinished campaign, if there is one.")
]
ResumeTraining = Annotated[bool, typer.Option("--resume", help="Go on after a stop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
PrintJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
