"""What does a supernet step cost, beside a step of the largest network alone?

    python -m benchmarks.training_cost --threads 1
    python -m benchmarks.training_cost --threads 2 --recipe flownas --set batch=2

Times steps of the supernet and of its largest network alone in turns, in random order, on the same
batches, with the same precision and cores; among them how fast pairs are rendered, against what
training takes, and how fast torch multiplies two large matrices, against what the largest network
attains. The figure is seconds per supernet step, per architecture in it, over seconds per step of
the largest network alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np
import typer

from benchmarks import _arguments
from benchmarks._training_times import gflops, interleaved, product
from luts import arguments, cli
from luts.files import writable_folder, write_json

if TYPE_CHECKING:
    import torch

    from supernet.raft.space import FlowSpace
    from supernet.training.rules import StepRule

SUPERNET, LARGEST, RENDER = "supernet step", "largest alone, step", "rendering a batch"
PEAK = "matrix product"


def main(
    recipe: _arguments.Recipe = "flownas-small",
    rounds: Annotated[int, typer.Option(min=1, help="Timings of each, in turns.")] = 12,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as batch=4.")
    ] = None,
    device: arguments.TrainingDevice = "cpu",
    threads: Annotated[
        int, typer.Option(min=1, help="CPU cores of either kind of step.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of batches, weights and order.")] = 0,
    out: _arguments.JsonFile = Path("runs/training_cost.json"),
) -> None:
    """Seconds per step and architecture of a supernet against its largest network alone."""
    from luts.spaces import load_space
    from supernet.training.settings import rendered_settings

    settings = rendered_settings(recipe, changes or [])
    space = cast("FlowSpace", load_space(recipe))
    writable_folder(out.parent)
    import torch

    from supernet.data.photos import bundled_photos
    from supernet.training.allocator import keep_freed_memory
    from supernet.training.data import RenderedPairs
    from supernet.training.threads import prepare_thread, training_device

    place = training_device(device)
    keep_freed_memory()
    prepare_thread(threads)
    source = RenderedPairs(bundled_photos(), settings, seed)
    batches = [source.batch(step).to(place) for step in range(2)]

    def rendering(index: int) -> None:
        torch.set_num_threads(1)  # as a worker of the trainer does
        source.batch(2 + index)
        torch.set_num_threads(threads)

    rules = _rules(space, settings, seed, place, threads)
    work = {LARGEST: gflops(rules[LARGEST], batches[0])}
    work[PEAK], multiply = product(settings, place)
    with tempfile.TemporaryDirectory() as folder:
        steps = {
            name: _stepper(rule, recipe, settings, seed, Path(folder), batches)
            for name, rule in rules.items()
        }
        times = interleaved({**steps, RENDER: rendering, PEAK: multiply}, rounds, seed, place)
    count = settings.sandwich.random + settings.sandwich.largest + settings.sandwich.smallest
    result = {
        **_figures(times, count, settings.batch, work), "recipe": recipe, "device": device,
        "threads": threads, "rounds": rounds, "settings": settings.model_dump(mode="json"),
        "seconds": times,
    }
    _show(result)
    write_json(out, result)


def _rules(
    space: FlowSpace, settings: Any, seed: int, device: torch.device, threads: int
) -> dict[str, StepRule]:
    import torch

    from supernet.training.rules import StandaloneRule
    from supernet.training.sandwich import SandwichRule

    torch.manual_seed(seed)
    # Time does not depend on the weights: nothing needs to be trained.
    teacher = space.build_reference().eval().requires_grad_(False).to(device)
    supernet = space.build_supernet().to(device)
    largest = space.build(space.decode(space.largest)).to(device)
    for network in (supernet, largest):
        network.head.load_state_dict(teacher.head.state_dict())
        if settings.compile:
            network.head.compile()
    return {
        SUPERNET: SandwichRule(space, supernet, teacher, settings, groups=threads),
        LARGEST: StandaloneRule(largest, settings),
    }


def _stepper(
    rule: StepRule, recipe: str, settings: Any, seed: int, folder: Path, batches: list[Any]
) -> Callable[[int], None]:
    from supernet.training.optimisation import Optimisation
    from supernet.training.run import TrainingRun

    run = TrainingRun(folder, recipe, "timed", settings, seed, {})
    optimisation = Optimisation(run, rule)
    rule.train_mode()

    def step(index: int) -> None:
        optimisation.step(batches[index % len(batches)], index)

    return step


def _figures(
    times: dict[str, list[float]], architectures: int, batch: int, work: dict[str, float]
) -> dict[str, Any]:
    """Ratios are taken round by round, so that a slow moment of the machine meets both."""
    supernet, largest = np.array(times[SUPERNET]), np.array(times[LARGEST])
    ratios = supernet / architectures / largest
    pairs_per_second = {
        name: batch / float(np.median(times[name])) for name in (SUPERNET, LARGEST, RENDER)
    }
    rate = {name: count / float(np.median(times[name])) for name, count in work.items()}
    return {
        "architectures": architectures,
        "ratio_per_architecture": float(np.median(ratios)),
        "ratio_quartiles": [float(q) for q in np.quantile(ratios, (0.25, 0.75))],
        "supernet_step_s": float(np.median(supernet)),
        "largest_step_s": float(np.median(largest)),
        "pairs_per_second": pairs_per_second,
        "gflops": work,
        "gflops_per_second": rate,
        "largest_over_peak": rate[LARGEST] / rate[PEAK],
        "rendering_per_worker_over_supernet_need":
            pairs_per_second[RENDER] / pairs_per_second[SUPERNET],
        "rendering_per_worker_over_largest_need":
            pairs_per_second[RENDER] / pairs_per_second[LARGEST],
    }


def _show(result: dict[str, Any]) -> None:
    from benchmarks._figures import show

    show(f"{result['recipe']}: {result['architectures']} architectures a step, "
         f"{result['threads']} cores", ["", "median s", "pairs a second"],
         [[name, f"{np.median(result['seconds'][name]):.3f}", f"{rate:.2f}"]
          for name, rate in result["pairs_per_second"].items()])
    low, high = result["ratio_quartiles"]
    print(f"supernet step per architecture over the largest alone: "
          f"{result['ratio_per_architecture']:.3f} (quartiles {low:.3f} to {high:.3f})")
    print(f"one worker renders {result['rendering_per_worker_over_supernet_need']:.2f} times what "
          f"the supernet takes, {result['rendering_per_worker_over_largest_need']:.2f} times what "
          "the largest alone takes")
    rate = result["gflops_per_second"]
    print(f"the largest alone computes {rate[LARGEST]:.0f} GFLOP/s, "
          f"{result['largest_over_peak']:.0%} of torch's {rate[PEAK]:.0f} in a matrix product")


if __name__ == "__main__":
    cli.run(main)
