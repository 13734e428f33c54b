"""Do rendered pairs look and move like real ones?

    python -m benchmarks.rendered_statistics --real PAIRS --render layers --render scenes

Real pairs are cut into tiles of the rendered size. For each statistic: its 10th, 50th and 90th
percentile over real tiles and over rendered pairs, and the Kolmogorov-Smirnov distance of the two
distributions (0: the same, 1: disjoint).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._figures import show
from luts import cli
from luts.errors import UserError
from luts.files import writable_folder, write_json


def main(
    real: Annotated[Path, typer.Option(help="Folder of real pairs.")],
    *,
    only: Annotated[list[str] | None, typer.Option(
        "--pair", help="Take this real pair only; repeatable [all].")] = None,
    render: Annotated[list[str] | None, typer.Option(help="Renderer; repeatable [all].")] = None,
    count: Annotated[int, typer.Option(min=10, help="Rendered pairs of each.")] = 200,
    height: Annotated[int, typer.Option(min=64, help="Rows of tiles and pairs.")] = 160,
    width: Annotated[int, typer.Option(min=64, help="Columns of tiles and pairs.")] = 224,
    largest_motion_px: Annotated[float, typer.Option(help="Of the renderers.")] = 24.0,
    out: _arguments.JsonFile = Path("runs/rendered-statistics.json"),
) -> None:
    """Statistics of real and rendered pairs."""
    from scipy.stats import ks_2samp

    from benchmarks._flow_statistics import statistics, tiles
    from supernet.data.collection import read_pairs
    from supernet.data.motion import MotionStatistics
    from supernet.data.photos import bundled_photos
    from supernet.data.render import RENDERERS, RenderSettings
    from supernet.data.render_settings import Renderer
    from supernet.data.rendered import rendered_pairs

    writable_folder(out.parent)
    names = render or list(RENDERERS)
    unknown = sorted(set(names) - set(RENDERERS))
    if unknown:
        raise UserError(f"no renderer {', '.join(unknown)}; known: {', '.join(RENDERERS)}")
    cut = (tile for pair in read_pairs(real, only) for tile in tiles(pair, height, width))
    kinds = {"real": [found for tile in cut if (found := statistics(tile)) is not None]}
    if not kinds["real"]:
        raise UserError(f"'{real}' holds no pair of {width}x{height} or more with dense flow")
    motion = MotionStatistics(largest_px=largest_motion_px)
    for name in names:
        settings = RenderSettings(height, width, motion=motion, version=cast(Renderer, name))
        pairs = rendered_pairs(bundled_photos(), settings, count)
        kinds[name] = [found for pair in pairs if (found := statistics(pair)) is not None]
    rows, held = [], {}
    for statistic in kinds["real"][0]:
        values = {kind: np.array([one[statistic] for one in found])
                  for kind, found in kinds.items()}
        away = {name: float(ks_2samp(values["real"], values[name]).statistic) for name in names}
        spread = {kind: np.percentile(found, (10, 50, 90)).tolist()
                  for kind, found in values.items()}
        held[statistic] = {"percentiles": spread, "distance": away}
        rows.append([statistic, *(" ".join(f"{v:.3g}" for v in spread[kind]) for kind in kinds),
                     *(f"{away[name]:.2f}" for name in names)])
    means = [float(np.mean([one["distance"][name] for one in held.values()])) for name in names]
    rows.append(["mean", *[""] * len(kinds), *(f"{mean:.2f}" for mean in means)])
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in kinds.items())
    show(f"10th, 50th, 90th percentile ({counts})",
         ["statistic", *kinds, *(f"{name} away" for name in names)], rows)
    write_json(out, {"counts": {kind: len(found) for kind, found in kinds.items()},
                     "size": [height, width], "statistics": held})


if __name__ == "__main__":
    cli.run(main)
