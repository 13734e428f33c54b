"""What every AccuracySource must do; inherit and give a fixture ``accuracy``."""

import json
import math

import numpy as np
import pytest

from supernet.tasks.base import task_of

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")


class AccuracyConformance:
    """``accuracy`` computes all its metrics; ``tolerance`` is relative, of outputs and metrics."""

    tolerance = 1e-3

    @pytest.fixture(scope="class")
    def architecture(self, accuracy):
        return accuracy.space.decode(accuracy.space.smallest)

    @pytest.fixture(scope="class")
    def network(self, accuracy, architecture):
        return accuracy.network(architecture)

    def test_scores_hold_the_objective_and_are_finite(self, accuracy, architecture):
        for scores in (accuracy.score(architecture), accuracy.score_reference()):
            assert accuracy.objective in scores
            assert all(math.isfinite(value) for value in scores.values())

    def test_scores_are_the_same_every_time(self, accuracy, architecture):
        assert accuracy.score(architecture) == accuracy.score(architecture)

    def test_the_identity_can_be_kept(self, accuracy):
        assert json.loads(json.dumps(accuracy.identity)) == accuracy.identity

    def test_hints_are_a_score_for_every_choice_and_leave_one_at_least(self, accuracy):
        hints = accuracy.hints()
        if hints is not None:
            assert [len(each) for each in hints] == accuracy.space.cardinalities.tolist()
            assert all(np.isfinite(each).any() and not np.isnan(each).any() for each in hints)

    def test_the_exported_model_is_the_network(self, accuracy, network, tmp_path):
        accuracy.export(network, tmp_path / "m.onnx")
        session = ort.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
        inputs = accuracy.example_inputs()
        assert [item.name for item in session.get_inputs()] == list(inputs)
        wanted = accuracy.output_of(network, inputs)
        found = session.run(None, inputs)[0]
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= self.tolerance * np.abs(wanted).max()

    def test_its_examples_are_found_again_by_what_it_remembers(self, accuracy, network):
        note = json.loads(json.dumps(accuracy.remember()))
        found = task_of(accuracy.space.name).hand_over(accuracy.space, note)
        first = accuracy.example_inputs()
        assert list(found.inputs[0]) == list(first)
        assert all(np.array_equal(found.inputs[0][name], first[name]) for name in first)

        def predict(*arrays):
            return accuracy.output_of(network, dict(zip(first, arrays, strict=True)))

        outputs = [accuracy.output_of(network, inputs) for inputs in found.inputs]
        assert found.score(outputs) == pytest.approx(accuracy.score_model(predict))

    def test_nodes_of_the_export_have_an_operator(self, accuracy, network, architecture, tmp_path):
        accuracy.export(network, tmp_path / "m.onnx")
        nodes = onnx.load(str(tmp_path / "m.onnx")).graph.node
        owners = {n.name.partition("/")[0] for n in nodes if n.op_type != "Constant"}
        assert owners == {item.path for item in accuracy.space.lower(architecture)}

    def test_a_predictor_is_scored_as_its_network(self, accuracy, network, architecture):
        names = list(accuracy.example_inputs())

        def predict(*arrays):
            return accuracy.output_of(network, dict(zip(names, arrays, strict=True)))

        scores = accuracy.score(architecture)
        for name, value in accuracy.score_model(predict).items():
            assert value == pytest.approx(scores[name], rel=self.tolerance, abs=1e-6)

    def test_pictures_are_of_some_examples(self, accuracy, network):
        names = list(accuracy.example_inputs())

        def predict(*arrays):
            return accuracy.output_of(network, dict(zip(names, arrays, strict=True)))

        found = accuracy.pictures({"ours": predict}, 2)
        assert len(found) == 2
        for panels in found:
            assert "ours" in panels and len(panels) >= 2
            assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3
                       for p in panels.values())

    def test_parameters_are_those_of_the_networks(self, accuracy, network, architecture):
        assert accuracy.parameters(architecture) == sum(p.numel() for p in network.parameters())
        reference = accuracy.network(None)
        assert accuracy.parameters(None) == sum(p.numel() for p in reference.parameters())
