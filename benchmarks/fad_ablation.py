"""What does Feature Alignment Distillation give, and in which form?

    python -m benchmarks.fad_ablation --steps 1000 --seeds 3

Trains the supernet of a recipe for a short equal budget without distillation, with the last
feature alone (tap 4), and with taps 1 to 4, each with channels pooled by maximum and by mean;
everything else is the same, the head that they start with too. Then scores the largest, the
smallest and random architectures with inherited weights. Goes on where it was stopped. The
supernets stay in the folder: ``python -m supernet.rank --supernet runs/fad_ablation/no-fad-0``
tells how well one of them orders architectures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import typer

from benchmarks import _arguments
from luts import arguments, cli
from luts.files import Journal, writable_folder, write_json

if TYPE_CHECKING:
    import torch

    from supernet.data.pairs import FlowPair
    from supernet.raft.space import FlowSpace
    from supernet.training.scoring import HeldOut

VARIANTS: dict[str, list[str]] = {
    "no FAD": ["fad.weight=0"],
    "tap 4, max": ["fad.taps=[4]", "fad.pool=max"],
    "tap 4, mean": ["fad.taps=[4]", "fad.pool=mean"],
    "taps 1-4, max": ["fad.taps=[1,2,3,4]", "fad.pool=max"],
    "taps 1-4, mean": ["fad.taps=[1,2,3,4]", "fad.pool=mean"],
}
_SEED = 11


def main(
    recipe: _arguments.Recipe = "flownas-small",
    steps: Annotated[int, typer.Option(min=1, help="Steps of each variant.")] = 1000,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each variant.")] = 1,
    variants: Annotated[
        list[str] | None, typer.Option("--variant", help="Only this one; repeatable [all].")
    ] = None,
    teacher: Annotated[
        str, typer.Option(help="Training folder of the reference, or 'shipped'.")
    ] = "shipped",
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting of all variants.")
    ] = None,
    architectures: Annotated[int, typer.Option(min=0, help="Random ones to score.")] = 8,
    pairs: Annotated[int, typer.Option(min=4, help="Held-out rendered pairs.")] = 64,
    data: Annotated[
        Path | None, typer.Option(help="Score the largest and smallest on these real pairs too.")
    ] = None,
    device: arguments.TrainingDevice = "cpu",
    threads: arguments.TrainingThreads = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render pairs.")] = 1,
    out: _arguments.Folder = Path("runs/fad_ablation"),
) -> None:
    """Errors with inherited weights after equal trainings, by form of distillation."""
    from luts.errors import UnknownNameError
    from luts.spaces import load_space
    from supernet.training.settings import rendered_settings

    for name in variants or []:
        if name not in VARIANTS:
            raise UnknownNameError("variant", name, VARIANTS)
    chosen = {name: VARIANTS[name] for name in variants or VARIANTS}
    settings = {
        name: rendered_settings(recipe, [*(changes or []), *own], steps)
        for name, own in chosen.items()
    }
    space = cast("FlowSpace", load_space(recipe))
    from supernet.data.collection import read_pairs
    from supernet.training.allocator import keep_freed_memory
    from supernet.training.scoring import HeldOut
    from supernet.training.threads import prepare_thread, training_device

    place = training_device(device)
    keep_freed_memory()
    prepare_thread(threads)
    real = list(read_pairs(data)) if data is not None else []
    first = next(iter(settings.values()))
    held_out = HeldOut(first, pairs, place)
    drawn = space.sample(np.random.default_rng(_SEED), architectures)
    journal = Journal(writable_folder(out) / "journal.jsonl")
    for seed in range(seeds):
        for name, own_settings in settings.items():
            key = {"variant": name, "seed": seed, "recipe": recipe, "teacher": teacher,
                   "settings": own_settings.model_dump(mode="json"), "pairs": pairs,
                   "architectures": architectures, "data": str(data) if data else None}
            if any(record["key"] == key for record in journal.records):
                continue
            network = _trained(
                out / folder_of(name, seed), recipe, own_settings, seed, teacher,
                place, workers, f"{name}, seed {seed}",
            )
            journal.append({"key": key, "scores": _scores(space, network, drawn, held_out, real)})
            _show(journal.records)
    journal.close()
    _show(journal.records)
    write_json(out / "fad_ablation.json", {"runs": journal.records})


def folder_of(variant: str, seed: int) -> str:
    """Name of the training folder of a variant."""
    return f"{variant.lower().replace(',', '').replace(' ', '-')}-{seed}"


def _trained(
    folder: Path, recipe: str, settings: Any, seed: int, teacher: str, device: torch.device,
    workers: int, label: str,
) -> Any:
    from supernet.training.loop import train
    from supernet.training.progress import TrainingProgress
    from supernet.training.run import RUN_FILE, TrainingRun
    from supernet.training.stage import make_stage

    stage = make_stage(
        recipe, "supernet", folder, settings, seed, None, device=device, workers=workers,
        teacher="shipped" if teacher == "shipped" else Path(teacher),
    )
    run = TrainingRun(
        writable_folder(folder / "supernet"), recipe, "supernet", settings, seed, stage.extra
    )
    with TrainingProgress(label, settings.steps, settings.figure) as progress:
        train(run, stage.rule, stage.batches, resume=(run.folder / RUN_FILE).exists(),
              report=progress.report, validate=stage.validate)
    return stage.rule.network


def _scores(
    space: FlowSpace, supernet: Any, drawn: np.ndarray, held: HeldOut, real: list[FlowPair]
) -> dict[str, float]:
    from supernet.score import score_pairs

    scores: dict[str, float] = {}
    for name, vector in (("largest", space.largest), ("smallest", space.smallest)):
        architecture = space.decode(vector)
        for metric, value in held.score_inherited(space, supernet, architecture).items():
            scores[f"{name} {metric}"] = value
        if real:
            network = space.inherit(supernet, architecture)
            held.score(network)  # settles its batch norms
            epe = score_pairs(network.cpu(), real).mean["epe"]
            if epe is not None:
                scores[f"{name} real epe"] = epe
    found = [held.score_inherited(space, supernet, space.decode(vector)) for vector in drawn]
    for metric in found[0] if found else ():
        scores[f"random {metric}"] = float(np.mean([one[metric] for one in found]))
    return scores


def _show(records: list[dict[str, Any]]) -> None:
    from benchmarks._figures import show

    rows = []
    for name in VARIANTS:
        own = [r["scores"] for r in records if r["key"]["variant"] == name]
        if own:
            rows.append([name, len(own), *(
                f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(own) > 1
                                            else "")
                for metric in own[0]
                for values in [[scores[metric] for scores in own if metric in scores]]
            )])
    if rows:
        metrics = next(r["scores"] for r in records)
        show("inherited weights after equal trainings; mean ± deviation over seeds",
             ["variant", "seeds", *metrics], rows)


if __name__ == "__main__":
    cli.run(main, repeatable=True)
