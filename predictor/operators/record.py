"""Operator models as files: a JSON sidecar, and one UBJSON file of trees per kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from luts import _parquet
from luts.errors import CorruptFileError
from luts.files import atomic_path, safe_name, sha256, writable_folder
from luts.operator import Operator
from luts.sealed import Sealed, read_sealed
from predictor.operators.ceiling import Ceiling, Fleet
from predictor.operators.features import Schema
from predictor.operators.interval import Interval
from predictor.operators.kind_model import KindModel
from predictor.operators.learner import Learner, Recipe
from predictor.operators.peers import Peers

FORMAT = 1
SIDECAR = "operators.json"
_PEERS = {"operator": "str", "shift": "float"}
_FROZEN = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class KindRecord(BaseModel):
    """One kind in ``operators.json``; see `KindModel` and `Learner` for the fields."""

    model_config = _FROZEN

    words: tuple[tuple[str, tuple[str, ...]], ...]
    numbers: tuple[tuple[str, int], ...]
    ceilings: dict[str, tuple[float, float, float]]
    fleet_mean: tuple[float, float, float]
    fleet_slope: tuple[float, float, float]
    fleet_log_power: float
    fleet_spread: tuple[float, float, float]
    recipe: dict[str, float | int | None]
    centre: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    known_margin: float = Field(ge=0)
    fresh_margin: float = Field(ge=0)
    rows: int = Field(ge=1)
    error: dict[str, float]
    adapted: dict[str, float]
    likeness: float = Field(ge=0, lt=1)
    peers_sha256: str | None = None
    trees_sha256: str | None = None


class ModelRecord(Sealed):
    """What ``operators.json`` holds; ``sealed_sha256`` is the digest of the rest."""

    model_config = _FROZEN

    format: int = FORMAT
    level: float = Field(gt=0, lt=1)
    seed: int
    kinds: dict[str, KindRecord]


def write_model(folder: Path, models: dict[str, KindModel], level: float, seed: int) -> None:
    """Writes the trees of each kind, then the sidecar that vouches for them.

    Raises:
        UserError: the folder cannot be written.
    """
    writable_folder(folder)
    kinds = {}
    for kind, model in models.items():
        digest = None
        if model.learner.trees is not None:
            path = _trees(folder, kind)
            with atomic_path(path) as temporary:
                temporary.write_bytes(bytes(model.learner.trees.save_raw(raw_format="ubj")))
            digest = sha256(path)
        peers = None
        if model.peers.shifts:
            path = folder / f"{safe_name(kind, 'operator kind')}.parquet"
            shifts = [
                {"operator": op.key, "shift": value} for op, value in model.peers.shifts.items()
            ]
            _parquet.write(path, _PEERS, shifts)
            peers = sha256(path)
        kinds[kind] = _to_record(model, digest, peers)
    ModelRecord(level=level, seed=seed, kinds=kinds).write(folder / SIDECAR)


def read_model(folder: Path) -> tuple[dict[str, KindModel], float, int]:
    """Models by kind, level and seed.

    Raises:
        UserError: there is none.
        CorruptFileError: a file is truncated, edited, or of another format.
    """
    record = read_sealed(folder / SIDECAR, ModelRecord, format=FORMAT, what="an operator model",
                         again="fit it again")
    models = {kind: _from_record(folder, kind, item) for kind, item in record.kinds.items()}
    return models, record.level, record.seed


def _trees(folder: Path, kind: str) -> Path:
    return folder / f"{safe_name(kind, 'operator kind')}.ubj"


def _to_record(model: KindModel, digest: str | None, peers: str | None) -> KindRecord:
    learner, recipe = model.learner, model.learner.recipe
    fields = {name: getattr(recipe, name) for name in Recipe.__dataclass_fields__}
    ceilings = {
        name: (c.log_overhead, c.log_compute, c.log_traffic) for name, c in model.ceilings.items()
    }
    return KindRecord(
        words=model.schema.words,
        numbers=model.schema.numbers,
        ceilings=ceilings,
        fleet_mean=model.fleet.mean,
        fleet_slope=model.fleet.slope,
        fleet_log_power=model.fleet.log_power,
        fleet_spread=model.fleet.spread,
        recipe=fields,
        centre=tuple(learner.centre.tolist()),
        weights=tuple(learner.weights.tolist()),
        intercept=learner.intercept,
        low=tuple(learner.low.tolist()),
        high=tuple(learner.high.tolist()),
        known_margin=model.known.margin,
        fresh_margin=model.fresh.margin,
        rows=model.rows,
        error=model.error,
        adapted={name: interval.margin for name, interval in model.adapted.items()},
        likeness=model.peers.likeness,
        peers_sha256=peers,
        trees_sha256=digest,
    )


def _from_record(folder: Path, kind: str, item: KindRecord) -> KindModel:
    trees: Any = None
    if item.trees_sha256 is not None:
        import xgboost

        path = _trees(folder, kind)
        if not path.is_file() or sha256(path) != item.trees_sha256:
            raise CorruptFileError(f"{path} is absent, truncated or edited; fit it again")
        trees = xgboost.Booster({"nthread": 1})
        trees.load_model(bytearray(path.read_bytes()))
    peers = Peers({}, item.likeness)
    if item.peers_sha256 is not None:
        path = folder / f"{safe_name(kind, 'operator kind')}.parquet"
        if not path.is_file() or sha256(path) != item.peers_sha256:
            raise CorruptFileError(f"{path} is absent, truncated or edited; fit it again")
        rows = _parquet.read(path, _PEERS)
        peers = Peers({Operator.parse(r["operator"]): r["shift"] for r in rows}, item.likeness)
    lengths = {len(part) for part in (item.centre, item.weights, item.low, item.high)}
    if len(lengths) != 1 or not item.ceilings:
        raise CorruptFileError(f"{folder / SIDECAR}: '{kind}' is incomplete; fit it again")
    learner = Learner(
        Recipe(**item.recipe),  # type: ignore[arg-type]
        np.array(item.centre), np.array(item.weights), item.intercept,
        np.array(item.low), np.array(item.high), trees,
    )  # fmt: skip
    ceilings = {name: Ceiling(*values) for name, values in item.ceilings.items()}
    fleet = Fleet(item.fleet_mean, item.fleet_slope, item.fleet_log_power, item.fleet_spread)
    return KindModel(
        Schema(item.words, item.numbers), ceilings, fleet, learner, Interval(item.known_margin),
        Interval(item.fresh_margin), item.rows, item.error,
        {name: Interval(margin) for name, margin in item.adapted.items()},
        peers,
    )  # fmt: skip
