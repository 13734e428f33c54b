"""What several benchmarks ask, declared once for their command lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonFile = Annotated[Path, typer.Option(help="JSON file.")]
FiguresFile = Annotated[Path | None, typer.Option(help="JSON file for the figures.")]
Folder = Annotated[Path, typer.Option(help="Folder.")]
PublicData = Annotated[Path | None, typer.Option(help="Folder of the public data.")]
Images = Annotated[
    str | None, typer.Option(help="Images: a folder, or by name [the recipe's].")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where it was left.")]
Repetitions = Annotated[int, typer.Option(min=1, help="Repetitions.")]
Recipe = Annotated[str, typer.Option(help="Recipe.")]
PredictorTarget = Annotated[str, typer.Option(help="Target of the predictor.")]
Cores = Annotated[int, typer.Option(min=1, help="CPU cores.")]
SecondsEach = Annotated[float, typer.Option(min=0.1, help="To time each file for.")]
Workers = Annotated[int, typer.Option(min=1, help="Workers.")]
Devices = Annotated[int, typer.Option(min=1, help="Devices that they serve.")]
