"""Stand-alone networks by name: baselines, published architectures, and any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luts.errors import UnknownNameError, UserError
from luts.files import read_facts, read_json
from luts.space import Architecture
from supernet.space import SearchSpace

if TYPE_CHECKING:
    from supernet.network import Network
    from supernet.raft.network import FlowNetwork


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that is trained on its own.

    Attributes:
        name: what its training folder and its checkpoint are called.
        architecture: of the space (None: a hand-designed baseline).
        build: gives it with fresh weights.
    """

    name: str
    architecture: Architecture | None
    build: Callable[[], Network]


def candidate_names(space: SearchSpace) -> list[str]:
    """Names that `find_candidate` knows in a space."""
    return [*space.baselines(), "largest", "smallest", *space.published()]


def find_candidate(space: SearchSpace, given: str) -> Candidate:
    """The network that a user names.

    Args:
        space: search space.
        given: one of `candidate_names`, a JSON object from decision to value, or a JSON file.

    Raises:
        UserError: none of these, or no architecture of the space.
    """
    baselines = space.baselines()
    if given in baselines:
        return Candidate(given, None, baselines[given])
    known = {
        "largest": space.decode(space.largest), "smallest": space.decode(space.smallest),
        **space.published(),
    }
    if given in known:
        return _of_space(space, given, known[given])
    if not given.lstrip().startswith("{") and not given.endswith(".json"):
        raise UnknownNameError(f"architecture of recipe {space.name} (or JSON file)", given,
                               candidate_names(space))
    architecture = space.architecture(_read(given))
    text = json.dumps(architecture.as_json(), sort_keys=True)
    return _of_space(space, f"own-{sha256(text.encode()).hexdigest()[:8]}", architecture)


def find_winner(space: SearchSpace, run: Path) -> Candidate:
    """The network that a search found.

    Args:
        space: of the run.
        run: folder of the run.

    Raises:
        UserError: the run has no result, or is of another recipe.
        CorruptFileError: its result is damaged.
    """
    path = run / "result.json"
    recipe = read_facts(path, "recipe")["recipe"]
    if recipe != space.name:
        raise UserError(f"run '{run}' is of recipe '{recipe}', not of '{space.name}'")
    best = read_facts(path, "best")["best"]
    return _of_space(space, "winner", space.architecture(best["architecture"]))


def _of_space(space: SearchSpace, name: str, architecture: Architecture) -> Candidate:
    return Candidate(name, architecture, lambda: space.build(architecture))


def _read(given: str) -> dict[str, Any]:
    held: Any
    if given.lstrip().startswith("{"):
        try:
            held = json.loads(given)
        except ValueError as error:
            raise UserError(f"--architecture is not JSON ({error})") from None
    else:
        held = read_json(Path(given))
    if not isinstance(held, dict):
        raise UserError(f"--architecture {given}: not a JSON object from decision to value")
    return held


def raft_small(iterations: int) -> FlowNetwork:
    """RAFT-small (Teed and Deng, ECCV 2020): 990,162 parameters.

    Args:
        iterations: recurrent updates of the deployed network.
    """
    from supernet.raft.config import RAFT_SMALL_ENCODER, RAFT_SMALL_HEAD
    from supernet.raft.encoder import ResidualEncoder
    from supernet.raft.network import FlowHead, FlowNetwork

    head = RAFT_SMALL_HEAD
    return FlowNetwork(
        ResidualEncoder(RAFT_SMALL_ENCODER, head.features, "instance"),
        ResidualEncoder(RAFT_SMALL_ENCODER, head.hidden + head.context, "none"),
        FlowHead(head), iterations,
    )
