"""What every Task must do; inherit and give the fixtures ``recipe`` and ``note``."""

import json

import numpy as np
import pytest
import torch

from luts.errors import UserError
from luts.recipes import read_recipe
from luts.spaces import load_space
from supernet.hand_over import Form
from supernet.recalibrate import recalibrate
from supernet.tasks.base import task_of

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

EXACT = 1e-4


class TaskConformance:
    """``recipe`` names a recipe of the task, ``note`` is what its accuracy source remembers."""

    @pytest.fixture(scope="class")
    def task(self, recipe):
        return task_of(recipe)

    @pytest.fixture(scope="class")
    def space(self, recipe):
        return load_space(recipe)

    @pytest.fixture(scope="class")
    def handed(self, task, space, note):
        return task.hand_over(space, json.loads(json.dumps(note)))

    @pytest.fixture(scope="class")
    def network(self, space, handed):
        torch.manual_seed(0)
        network = space.build(space.decode(space.sample(np.random.default_rng(0), 1)[0]))
        frames = [torch.from_numpy(next(iter(each.values()))) for each in handed.inputs[:8]]
        recalibrate(network, torch.cat(frames))
        return network.requires_grad_(False)

    @pytest.fixture(scope="class")
    def exported(self, handed, network, tmp_path_factory):
        path = tmp_path_factory.mktemp("exported") / "m.onnx"
        handed.export(network, path, Form(17))
        return path

    def test_settings_are_checked(self, task, recipe):
        section = read_recipe(recipe)["training"]
        settings = task.settings(recipe, section)
        assert settings.examples and settings.figure
        with pytest.raises(UserError, match="no_such_thing"):
            task.settings(recipe, {**section, "no_such_thing": 1})

    def test_data_that_are_not_there_are_refused_before_training(self, task, recipe, tmp_path):
        with pytest.raises(UserError, match="none"):
            task.check_data(recipe, read_recipe(recipe)["training"], None, tmp_path / "none")

    def test_examples_are_as_it_says(self, handed):
        for inputs in (*handed.inputs, *handed.calibration):
            assert list(inputs) == list(handed.preprocessing["inputs"])
            for name, said in handed.preprocessing["inputs"].items():
                array, (low, high) = inputs[name], said["range"]
                assert (list(array.shape), str(array.dtype)) == (said["shape"], said["type"])
                assert low <= array.min() and array.max() <= high

    def test_ranges_are_not_learned_from_what_is_scored(self, handed):
        scored = {b"".join(array.tobytes() for array in each.values()) for each in handed.inputs}
        assert handed.calibration
        assert not any(b"".join(array.tobytes() for array in each.values()) in scored
                       for each in handed.calibration)

    def test_its_words_can_be_written(self, handed):
        assert json.loads(json.dumps(handed.preprocessing)) == handed.preprocessing
        assert handed.data_terms.startswith("Weights: ") and handed.data_terms.endswith(".")

    def test_the_model_is_what_it_says(self, handed, exported):
        graph = onnx.load(exported).graph
        for values, said in ((graph.input, handed.preprocessing["inputs"]),
                             (graph.output, handed.preprocessing["outputs"])):
            shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
                      for value in values}
            assert shapes == {name: each["shape"] for name, each in said.items()}

    def test_parts_that_stay_exact_are_there(self, handed, exported):
        from evolution.bundle.subject import kept_by

        names = [node.name for node in onnx.load(exported).graph.node]
        for part in (*handed.exact_in_half, *handed.exact_in_int8):
            assert any(map(kept_by((part,)), names)), part

    def test_scores_are_finite_and_of_the_outputs(self, handed, network):
        outputs = [self._in_torch(network, inputs) for inputs in handed.inputs]
        found = handed.score(outputs)
        assert found and all(np.isfinite(value) for value in found.values())
        assert found != handed.score([-3 * output for output in outputs])

    @pytest.mark.parametrize("form", [
        Form(16), Form(20), Form(17, free_sizes=True), Form(17, loop=True)], ids=str)
    def test_every_form_agrees_with_pytorch_or_is_refused(self, handed, network, tmp_path, form):
        path = tmp_path / "m.onnx"
        try:
            handed.export(network, path, form)
        except UserError:
            assert form.free_sizes or form.loop
            assert not list(tmp_path.iterdir())
            return
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        inputs = handed.inputs[0]
        wanted, found = self._in_torch(network, inputs), session.run(None, inputs)[0]
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= EXACT * np.abs(wanted).max()

    @staticmethod
    def _in_torch(network, inputs):
        with torch.no_grad():
            return network(*map(torch.from_numpy, inputs.values())).numpy()
