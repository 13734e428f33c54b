"""The network of a run as a bundle needs it: exported, executed in PyTorch, scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evolution.bundle.choice import Choice
from evolution.export import WEIGHTS
from evolution.folder import RECIPE, read_examples, read_settings
from evolution.result import load_result
from luts.errors import CorruptFileError, UserError
from luts.recipes import parse_recipe

if TYPE_CHECKING:
    from supernet.hand_over import Array, HandOver, Inputs
    from supernet.space import SearchSpace

Predict = Callable[["Inputs"], "Array"]


@dataclass(frozen=True)
class Subject:
    """What is exported.

    Attributes:
        export: writes fp32 ONNX as a choice says.
        truth: what PyTorch computes in fp32.
        task: examples, scores and words of the task.
        weights: safetensors file of the network.
        description: what ``--format torch`` builds the network from.
        paper: that the search space follows; empty where the recipe names none.
    """

    export: Callable[[Path, Choice], None]
    truth: Predict
    task: HandOver
    weights: Path
    description: dict[str, Any]
    paper: str = ""


def load_subject(run: Path, data: Path | None = None) -> Subject:
    """The winner of a finished run, from the weights in its folder.

    Args:
        run: the folder.
        data: where the examples that it was scored on lie now (None: where they were).

    Raises:
        UserError: it is no finished run, or its weights or examples are missing.
        CorruptFileError: the weights are damaged, or of another network.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from luts.spaces import load_space
    from supernet.hand_over import Form
    from supernet.tasks.base import task_of

    result, path = load_result(run), run / WEIGHTS
    torch.set_num_threads(read_settings(run).threads)
    space = cast("SearchSpace", load_space(result.recipe))
    network = space.build(space.architecture(result.best.architecture or {}))
    if not path.is_file():
        raise UserError(f"'{path}' is missing, so '{run}' cannot be exported; copy the whole run")
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise CorruptFileError(f"'{path}' holds no weights of this run's winner ({error})"
                               ) from None
    network.eval().requires_grad_(False)
    task = task_of(result.recipe).hand_over(space, read_examples(run), data)
    names = list(task.inputs[0])

    def export(target: Path, choice: Choice) -> None:
        task.export(network, target, Form(choice.opset, choice.dynamic, choice.loop))

    def truth(inputs: Inputs) -> Array:
        with torch.no_grad():
            found: Array = network(*(torch.from_numpy(inputs[name]) for name in names)).numpy()
        return found

    recipe = parse_recipe((run / RECIPE).read_text(encoding="utf-8"), RECIPE)
    return Subject(
        export, truth, task, path,
        {"space": result.recipe, "architecture": result.best.architecture, "inputs": names},
        paper=str(recipe.get("paper", "")),
    )


def kept_by(parts: Sequence[str]) -> Callable[[str], bool]:
    """Whether the node of a name belongs to one of some parts; ``fnet.*`` is all below ``fnet``."""
    return lambda name: any(fnmatchcase(name.rpartition("/")[0], part) for part in parts)
