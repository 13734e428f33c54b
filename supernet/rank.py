"""Ranking fidelity: does a supernet order architectures as training them alone does?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from luts import arguments, cli
from luts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luts.files import Journal
    from luts.space import Architecture
    from supernet.space import SearchSpace
    from supernet.tasks.base import Judge

_RESULT = "rank.json"
_FREE = ("repeats", "supernets")
"""What may differ between rankings that share the networks trained alone."""


def main(
    recipe: arguments.Recipe = "flownas-small",
    architectures: Annotated[int, typer.Option(min=3, help="Networks to train alone.")] = 16,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each.")] = 600,
    repeats: Annotated[
        int, typer.Option(min=1, help="Trainings of each; two show how sure their own order is.")
    ] = 1,
    supernets: Annotated[
        list[str] | None,
        typer.Option("--supernet", help="Training folder with a supernet, or 'shipped'; "
                                        "repeatable, such as with and without FAD [shipped]."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="Flow: whose reference gives the head that networks start with, as the "
                          "supernet's did: a training folder, 'shipped', or 'fresh' [shipped]."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another training setting, such as batch=4; repeatable."),
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(min=4, help="Held-out examples to score on [the task's].")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Classification: folder of images, or a set's name [the recipe's]."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of architectures and training.")] = 0,
    device: arguments.TrainingDevice = "cpu",
    parallel: Annotated[
        int, typer.Option(min=1, help="Networks that are trained at once.")
    ] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of each network [an equal share].")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that make batches, for each network.")
    ] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder [runs/rank-RECIPE].")] = None,
    resume: arguments.ResumeTraining = False,
    as_json: arguments.PrintJson = False,
) -> None:
    """Trains random architectures alone and compares their order with the supernet's.

    Errors are those on held-out data, with batch norms recalibrated for each network. --resume goes
    on after a stop, and takes other supernets or more repeats: what was trained alone is kept.

    Examples:
      python -m supernet.rank --architectures 16 --parallel 2
      python -m supernet.rank --supernet runs/with-fad --supernet runs/without --repeats 2
      python -m supernet.rank --supernet runs/another --resume
      python -m supernet.rank --recipe bn-nas-small --supernet runs/mine --data cifar10
      python -m supernet.rank --steps 2000 --device cuda:0 --workers 14 --resume --json
    """
    from luts.files import Journal, read_json, safe_name, writable_folder, write_json
    from luts.progress import counted
    from luts.spaces import load_space
    from supernet.tasks.base import task_of

    task = task_of(recipe)
    named = data if data in task.named_data else None
    own = [*(changes or []), *([] if named is None else [f"data={named}"])]
    settings = task.ranking_settings(recipe, own, steps)
    place = None if data is None or named is not None else Path(data)
    space = cast("SearchSpace", load_space(recipe))
    if head is not None and not task.shares_head:
        raise UserError(f"--head {head}: networks of recipe {recipe} share no head")
    head = head or ("shipped" if task.shares_head else "fresh")
    given = supernets or ["shipped"]
    if len(set(given)) != len(given):
        twice = next(name for name in given if given.count(name) > 1)
        raise UserError(f"--supernet {twice}: each supernet once")
    folder = out or Path("runs") / f"rank-{safe_name(recipe, 'recipe')}"
    found = {name: _supernet(space, name) for name in given}
    identity = {
        "recipe": recipe, "architectures": architectures, "repeats": repeats, "seed": seed,
        "head": head, "head_sha256": _head_digest(space, head),
        "pairs": pairs, "data": None if place is None else str(place),
        "settings": settings.model_dump(mode="json"),
        "supernets": {name: facts for name, (_, facts) in found.items()},
    }
    _fits(writable_folder(folder) / "run.json", identity, resume=resume)
    import torch

    from supernet._standalone import Apprentices, distinct_architectures, held_out
    from supernet.training.threads import prepare_thread, training_device

    training_device(device)
    prepare_thread(threads)
    share = threads or max(1, torch.get_num_threads() // parallel)
    chosen = distinct_architectures(space, architectures, seed)
    held = held_out(recipe, settings, pairs, device, place)
    for name in found:
        held.check(_trained(space, name), name)
    write_json(folder / "run.json", identity)
    journal = Journal(folder / "journal.jsonl")
    inherited = {
        name: _inherited(space, facts["supernet_sha256"], network, chosen, held, journal)
        for name, (network, facts) in found.items()
    }
    apprentices = Apprentices(
        recipe, settings, writable_folder(folder / "networks"), seed, workers, device, share,
        None if head == "fresh" else "shipped" if head == "shipped" else Path(head), pairs,
        parallel, place,
    )
    with counted("training alone", architectures * repeats) as done:
        alone = apprentices.scores(chosen, repeats, journal, done)
    journal.close()
    from supernet._ranking import ranking, show
    from supernet.training.sampling import gflops

    costs = [gflops(space, space.encode(architecture)) for architecture in chosen]
    result = {**ranking(inherited, alone, chosen, costs), "run": read_json(folder / "run.json")}
    write_json(folder / _RESULT, result)
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


def _supernet(space: SearchSpace, name: str) -> tuple[Any, dict[str, Any]]:
    """A supernet and what tells it from others."""
    from supernet.tasks.base import task_of
    from supernet.weights import load_part

    network, facts = load_part(space, "supernet", None if name == "shipped" else Path(name))
    settings = _trained(space, name)["settings"]
    return network, {**facts, "told_apart": task_of(space.name).told_apart(settings)}


def _trained(space: SearchSpace, name: str) -> dict[str, Any]:
    """Identity of a supernet's training."""
    from supernet.training.checkpoint import load_checkpoint
    from supernet.weights import weights_path

    path = weights_path(space.name, "supernet", None if name == "shipped" else Path(name))
    return load_checkpoint(path, recipe=space.name, network="supernet").identity


def _head_digest(space: SearchSpace, head: str) -> str | None:
    """What tells the head that networks start with from others."""
    if head == "fresh":
        return None
    from luts.files import sha256
    from supernet.weights import weights_path

    return sha256(weights_path(space.name, "reference",
                               None if head == "shipped" else Path(head)))


def _fits(path: Path, identity: dict[str, Any], *, resume: bool) -> None:
    """Whether the folder is this ranking's; others by the same networks may have been there."""
    from luts.files import read_facts

    if not path.exists():
        return
    held = read_facts(path)
    differ = sorted(k for k in identity if k not in _FREE and held.get(k) != identity[k])
    if differ:
        raise UserError(f"'{path.parent}' holds another ranking (differs in "
                        f"{', '.join(differ)}); give another --out")
    if not resume:
        raise UserError(f"'{path.parent}' holds such a ranking already; add --resume")


def _inherited(
    space: SearchSpace, digest: str, supernet: Any, architectures: Sequence[Architecture],
    held: Judge, journal: Journal,
) -> list[dict[str, float]]:
    """Scores with inherited weights; what the journal holds is not scored again."""
    known = {r["index"]: r["scores"] for r in journal.records
             if r["event"] == "inherited" and r["supernet"] == digest}
    for index, architecture in enumerate(architectures):
        if index not in known:
            known[index] = held.score_inherited(space, supernet, architecture)
            journal.append({"event": "inherited", "supernet": digest, "index": index,
                            "scores": known[index]})
    return [known[index] for index in range(len(architectures))]


if __name__ == "__main__":
    cli.run(main, resumable=True)
