"""A search in miniature: a space, a predictor, an accuracy and a stopwatch that are all known."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evolution.plan import Plan
from evolution.prepare import Options, plan
from evolution.progress import View
from evolution.recipe import Recipe, check_recipe
from luts.operator import Operator, PlacedOperator
from luts.space import Architecture, Choice, Decision, Factor, OperatorSpace, Vectors
from predictor.base import LatencyPredictor, Prediction
from tests.predictor.tables import make_table

SIZE = 16
MARGIN = 1.04
GENES = {"width": (8, 12, 16), "kernel": (3, 5), "depth": (1, 2, 3), "expansion": (1, 2)}


class ToySpace(OperatorSpace):
    """Two cells with the decisions of the real spaces: 1,296 architectures."""

    def __init__(self, cells: int = 2, name: str = "flownas-small") -> None:
        self.name = name
        self.decisions = tuple(
            Decision(f"cell{i + 1}.{gene}", choices)
            for i in range(cells) for gene, choices in GENES.items()
        )
        self.factors = (
            Factor("stem", ()),
            *(Factor(f"cell{i + 1}", tuple(range(4 * i, 4 * i + 4))) for i in range(cells)),
        )

    def lower_factor(self, factor: Factor, choices: Sequence[Choice]) -> list[PlacedOperator]:
        if not choices:
            return [PlacedOperator("stem", _conv(3, 8, 3))]
        width, kernel, depth, expansion = choices
        return [
            PlacedOperator(f"{factor.name}.{block}", _conv(8, width * expansion, kernel))
            for block in range(depth)
        ]

    def lower_reference(self) -> list[PlacedOperator]:
        return [
            PlacedOperator("stem", _conv(3, 8, 3)),
            *(PlacedOperator(f"body.{i}", _conv(8, 16, 5)) for i in range(4)),
        ]

    def export_onnx(self, architecture: Architecture | None, path: Path) -> None:
        write_flow_model(path, 0.5, None if architecture is None else architecture.as_json())

    def everything(self) -> Vectors:
        grid = np.indices(tuple(self.cardinalities)).reshape(len(self.decisions), -1)
        return np.ascontiguousarray(grid.T).astype(np.int64)


def _conv(before: int, out: int, kernel: int) -> Operator:
    return Operator.make("conv", (1, before, SIZE, SIZE), out=out, kernel=(kernel, kernel))


class ToyPredictor(LatencyPredictor):
    """The table's sums, bounded by a fixed margin."""

    def __init__(self, space: ToySpace, table: Any) -> None:
        self.space = space
        self.level = 0.95
        self.table_identity = table.identity
        self._table = table
        self._costs = [
            np.array([
                sum(table[p.operator].latency_ms for p in space.lower_factor(factor, choices))
                for choices in space.factor_choices(factor)
            ])
            for factor in space.factors
        ]

    def predict(self, vectors: Vectors) -> Prediction:
        total = np.full(len(vectors), self._table.info.overhead_ms)
        for factor, costs in zip(self.space.factors, self._costs, strict=True):
            total = total + costs[self.space.factor_rows(factor, vectors)]
        return Prediction(total, total * MARGIN)

    def predict_reference(self) -> tuple[float, float]:
        latency_ms = self._table.latency_ms(self.space.lower_reference())
        return latency_ms, latency_ms * MARGIN

    def save(self, folder: Path) -> None:
        raise AssertionError("not used")

    def factor_costs(self) -> list[np.ndarray]:
        return self._costs


class Narrow(ToyPredictor):
    """Another target, on which expansion is cheap and width is dear."""

    def __init__(self, space: ToySpace, table: Any) -> None:
        super().__init__(space, table)
        self._costs = [
            np.array([0.1 if not choices else 0.02 * choices[0] * choices[2]
                      for choices in space.factor_choices(factor)])
            for factor in space.factors
        ]

    def predict_reference(self) -> tuple[float, float]:
        return 1.0, MARGIN


class ToyNetwork:
    """Flow = gain * (frame2 - frame1), with a weight to hand over."""

    def __init__(self, gain: float, architecture: dict[str, int] | None) -> None:
        self.gain = gain
        self.architecture = architecture

    def state_dict(self) -> dict[str, Any]:
        import torch

        return {"gain": torch.tensor([self.gain])}


class ToyAccuracy:
    """EPE that every choice lowers by a known amount; the largest architecture has the least."""

    objective = "epe"
    caption = "Motion of toys."

    def __init__(self, space: ToySpace, *, pause: float = 0.0, export_gain: float = 1.0) -> None:
        self.space = space
        self.identity: dict[str, str | int] = {"weights": "toy", "step": 7}
        self.scored: list[tuple[int, ...]] = []
        self.parts: list[tuple[int, ...]] = []
        self._pause = pause
        self._export_gain = export_gain

    def epe(self, vectors: Vectors) -> np.ndarray:
        shares = vectors / np.maximum(self.space.cardinalities - 1, 1)
        weights = np.linspace(1.0, 0.3, vectors.shape[1])
        return 2.0 - (np.sqrt(shares) * weights).sum(axis=1) / weights.sum()

    def score(self, architecture: Architecture, pairs: int | None = None) -> dict[str, float]:
        """A part of the pairs has larger errors, which the sum of the choices disturbs a little."""
        time.sleep(self._pause)
        vector = self.space.encode(architecture)
        (self.scored if pairs is None else self.parts).append(tuple(int(v) for v in vector))
        part = 0.0 if pairs is None else 0.5 + 0.02 * (int(vector.sum()) % 3) / pairs
        return {"epe": float(self.epe(vector[None])[0]) + part, "fl_all": 10.0,
                "feature_distance": 3.0}

    def sums(self) -> dict[str, Any]:
        """What `epe` adds up, the constant with the first decision."""
        count = len(self.space.cardinalities)
        weights = np.linspace(1.0, 0.3, count)
        terms = [((i,), -np.sqrt(np.arange(n) / max(n - 1, 1)) * weights[i] / weights.sum())
                 for i, n in enumerate(int(n) for n in self.space.cardinalities)]
        return {"epe": [(terms[0][0], terms[0][1] + 2.0), *terms[1:]]}

    def hints(self) -> list[np.ndarray]:
        """All choices are alike."""
        return [np.zeros(int(n)) for n in self.space.cardinalities]

    def remember(self) -> dict[str, Any]:
        return {"toys": 2}

    def score_reference(self) -> dict[str, float]:
        return {"epe": 1.5, "fl_all": 12.0, "feature_distance": 0.0}

    def network(self, architecture: Architecture | None) -> ToyNetwork:
        return ToyNetwork(0.5, None if architecture is None else architecture.as_json())

    def export(self, network: ToyNetwork, path: Path) -> None:
        write_flow_model(path, network.gain * self._export_gain, network.architecture)

    def example_inputs(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        return {name: rng.uniform(0, 255, (1, 3, SIZE, SIZE)).astype(np.float32)
                for name in ("frame1", "frame2")}

    def output_of(self, network: ToyNetwork, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return network.gain * (inputs["frame2"] - inputs["frame1"])

    def score_model(self, predict: Any) -> dict[str, float]:
        return {"epe": float(np.abs(predict(*self.example_inputs().values())).mean())}

    def pictures(self, predictors: Mapping[str, Any], count: int) -> list[dict[str, np.ndarray]]:
        inputs = self.example_inputs()
        frame = inputs["frame1"][0].transpose(1, 2, 0).astype(np.uint8)
        row = {"frame 1": frame, "ground truth": frame}
        for name, predict in predictors.items():
            flow = predict(*inputs.values())
            row[f"flow <{name}>"] = np.abs(flow[0]).transpose(1, 2, 0).astype(np.uint8)
        return [row] * min(count, 2)

    def parameters(self, architecture: Architecture | None) -> int:
        return 1000 if architecture is None else 900


def write_flow_model(path: Path, gain: float, architecture: dict[str, int] | None) -> None:
    import onnx
    from onnx import TensorProto, helper

    shape = (1, 3, SIZE, SIZE)
    frames = [helper.make_tensor_value_info(f"frame{i}", TensorProto.FLOAT, shape) for i in (1, 2)]
    flow = helper.make_tensor_value_info("flow", TensorProto.FLOAT, shape)
    nodes = [
        helper.make_node("Sub", ["frame2", "frame1"], ["motion"]),
        helper.make_node("Mul", ["motion", "gain"], ["flow"]),
    ]
    weight = helper.make_tensor("gain", TensorProto.FLOAT, (1,), [gain])
    graph = helper.make_graph(nodes, "flow", frames, [flow], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    model.doc_string = json.dumps(architecture)
    onnx.save(model, path)


@dataclass(frozen=True)
class ToyMeasurement:
    median_ms: float
    p10_ms: float
    p90_ms: float
    p99_ms: float
    samples: int = 30


class Stopwatch:
    """Measures an exported toy at its prediction, times what the device does in each round."""

    def __init__(self, predictor: ToyPredictor, factors: Sequence[float] = (1.0,)) -> None:
        self.predictor = predictor
        self.factors = list(factors)
        self.rounds = 0

    def __call__(self, paths: Mapping[str, Path]) -> dict[str, ToyMeasurement]:
        factor = self.factors[min(self.rounds, len(self.factors) - 1)]
        self.rounds += 1
        return {name: self._measure(path, factor) for name, path in paths.items()}

    def _measure(self, path: Path, factor: float) -> ToyMeasurement:
        import onnx

        choices = json.loads(onnx.load(path).doc_string)
        if choices is None:
            latency_ms = self.predictor.predict_reference()[0]
        else:
            space = self.predictor.space
            vector = space.encode(space.architecture(choices))
            latency_ms = float(self.predictor.predict(vector[None]).latency_ms[0])
        ms = latency_ms * factor
        return ToyMeasurement(ms, ms * 0.99, ms * 1.01, ms * 1.1)


RECIPE = {
    "name": "flownas-small",
    "space": "flownas-small",
    "task": "optical_flow",
    "training": {},
    "strategy": {
        "name": "evolution",
        "fitness": {"epe": 1.0, "feature_distance": 0.0},
        "settings": {"population": 10, "generations": 4, "parents": 4, "mutations": 5,
                     "crossovers": 5},
    },
    "verification": {"rounds": 3, "evaluations_per_strike": 5},
}


class Toys:
    """All parts of a toy search."""

    def __init__(self, *, pause: float = 0.0, factors: Sequence[float] = (1.0,),
                 export_gain: float = 1.0) -> None:
        self.space = ToySpace()
        everything = self.space.everything()
        self.table = make_table(self.space, everything[::100])
        self.predictor = ToyPredictor(self.space, self.table)
        self.accuracy = ToyAccuracy(self.space, pause=pause, export_gain=export_gain)
        self.stopwatch = Stopwatch(self.predictor, factors)
        self.elsewhere = Narrow(self.space, self.table)

    def plan(self, out: Path, recipe: Mapping[str, Any] = RECIPE, **options: Any) -> Plan:
        checked: Recipe = check_recipe(dict(recipe), "flownas-small.yaml")
        also = [(self.table, self.elsewhere)] * len(options.get("also", ()))
        return plan(
            Options("cpu", out=out, **options), recipe=checked, text=json.dumps(recipe), path=out,
            space=self.space, table=self.table, predictor=self.predictor,
            also=also,
        )


class Notes(View):
    """Keeps what a view is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.scores = 0

    def say(self, text: str) -> None:
        self.lines.append(text)

    def scored(self, *_: Any) -> None:
        self.scores += 1
