"""Estimates of ONNX files on GPUs that were not measured."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from luts.errors import UserError
from predictor._estimate_view import show
from predictor.estimation.api import estimate
from tests.commands import run_module


def write_model(path: Path, *, odd: bool = False) -> Path:
    import numpy as np

    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.1, (24, 16, 3, 3)).astype("float32")
    nodes = [helper.make_node("Conv", ["image", "w"], ["y"], pads=[1, 1, 1, 1]),
             helper.make_node("Det" if odd else "Relu", ["y"], ["z"])]
    frame = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 16, 24, 24])
    result = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    weights = [numpy_helper.from_array(weight, "w")]
    graph = helper.make_graph(nodes, "toy", [frame], [result], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
              path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "toy.onnx")


def test_it_says_that_nothing_was_measured(model: Path) -> None:
    found = estimate(model, target="rtx3090", inputs={"image": (1, 16, 24, 24)})
    assert found.measured_share == found.unknown_share == 0
    assert found.estimated_share == 1
    assert found.lower_ms < found.latency_ms < found.upper_ms
    assert "on this card" in found.evidence
    assert found.eager_ms is not None
    assert found.eager_ms > found.latency_ms
    # Unfused and unpadded, as PyTorch executes it: 24 columns stay 24.
    assert [item.kind for item in found.operators] == ["conv", "relu"]


def test_batch_and_precision_count(model: Path) -> None:
    shapes = {"image": (1, 16, 24, 24)}
    one = estimate(model, target="rtx3090", inputs=shapes, precision="fp32")
    many = estimate(model, target="rtx3090", inputs=shapes, precision="fp32", batch=512)
    half = estimate(model, target="rtx3090", inputs=shapes, precision="fp16", batch=512)
    assert one.latency_ms < half.latency_ms < many.latency_ms < 512 * one.latency_ms
    direct = estimate(model, target="rtx3090", inputs={"image": (8, 16, 24, 24)})
    scaled = estimate(model, target="rtx3090", inputs=shapes, batch=8)
    assert direct.latency_ms == pytest.approx(scaled.latency_ms, rel=1e-6)


def test_what_is_printed_names_the_batch_and_precision_of_its_ms(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(estimate(model, target="rtx3090", inputs={"image": (1, 16, 24, 24)}, precision="fp16",
                  batch=8), 0)
    said = " ".join(capsys.readouterr().out.split())
    assert "PREDICTED, not measured" in said
    assert "ms in fp16 at batch 8" in said


def test_unknown_kinds_are_guessed_or_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "odd.onnx", odd=True)
    shapes = {"image": (1, 16, 24, 24)}
    found = estimate(path, target="rtx3090", inputs=shapes)
    assert found.unknown_kinds == ("det",)
    assert found.unknown_share > 0
    with pytest.raises(UserError, match="kinds without a rule: det"):
        estimate(path, target="rtx3090", inputs=shapes, strict=True)


@pytest.mark.parametrize(("options", "message"), [
    (("--target", "orin"), "no measured evidence"),
    (("--target", "h200"), "no estimate of target 'h200'"),
    (("--target", "rtx3090", "--precision", "int8"), "in precision 'int8'"),
    (("--target", "rtx3090"), "has inputs with free axes"),
    (("--target", "rtx3090", "--threads", "2"), "--threads 2: 'rtx3090' is a GPU"),
    (("--target", "rtx3090", "--level", "1.5"), "level 1.5 is not between 0 and 1"),
])  # fmt: skip
def test_wrong_input_ends_in_one_line(
    model: Path, options: tuple[str, ...], message: str
) -> None:
    done = _call(model, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr


def test_the_command_prints_json(model: Path) -> None:
    done = _call(model, "--target", "orin", "--accept-estimate", "--input-shape",
                 "image:2x16x24x24", "--precision", "fp16", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["target"], found["precision"]) == ("orin", "fp16")
    assert found["evidence"] == "no measured evidence"


def _call(model: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_module("predictor.estimate", model, *options)
