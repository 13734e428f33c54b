from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from luts.errors import UserError
from profiler._flame import module_tree, segments
from profiler._measure_page import write_page
from profiler._measure_view import show, warnings
from profiler._named import named_model
from profiler.layers import layer_times, measure_layers
from profiler.model_times import Layer
from profiler.runtimes import GraphNode, NodeTimes
from profiler.settings import StoppingRule
from profiler.timing import runtime_for
from tests.commands import assert_refused, run_module
from tests.fakes import FakeSpace
from tests.profiler.examples import measured_model
from tests.simulated import SimulatedDevice, SimulatedRuntime, truth_ms

BRIEF = StoppingRule(min_samples=5, min_seconds=0, max_seconds=0.2)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    FakeSpace().export_onnx(None, path)
    return path


def _node(name: str, inputs: str, outputs: str, *, kind: str = "Conv", with_producer: bool = False
          ) -> GraphNode:
    return GraphNode(name, kind, tuple(inputs.split()), tuple(outputs.split()), (name,),
                     with_producer)


def test_layers_add_up_to_the_undisturbed_median(model: Path) -> None:
    found = measure_layers(model, runtime_for("cpu"), rule=BRIEF)
    total = sum(layer.latency_ms for layer in found.layers) + found.unattributed_ms
    assert total == pytest.approx(found.median_ms)
    assert {"stem/Conv_0", "body/Conv_0", "loop.conv/Conv_2"} <= {x.name for x in found.layers}
    times = [layer.latency_ms for layer in found.layers]
    assert times == sorted(times, reverse=True)
    for layer in found.layers:
        assert layer.share == pytest.approx(layer.latency_ms / found.median_ms)
    assert found.p10_ms <= found.median_ms <= found.p90_ms <= found.p99_ms


def test_simulated_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the samples is disturbed; each layer's time is known."""
    space, device = FakeSpace(), SimulatedDevice(scatter=0.01, spike_share=0.3)
    placed = space.lower_reference()
    path = tmp_path / "net.onnx"
    path.write_text(json.dumps([[p.path, p.operator.key, p.repeats] for p in placed]))
    shown = {f"{p.path}/op": f"{p.path}/op" for p in placed}
    monkeypatch.setattr("profiler.layers.named_model",
                        lambda path, scratch: type("Named", (), {"path": path, "shown": shown}))
    found = measure_layers(path, SimulatedRuntime(device), rule=StoppingRule(), clock=device,
                           gauges=device)
    assert found.discarded > 5
    for item in placed:
        truth = truth_ms(item.operator) * item.repeats
        measured = next(x.latency_ms for x in found.layers if x.name == f"{item.path}/op")
        assert measured == pytest.approx(truth, rel=0.01)


def test_slowness_of_the_profiler_is_taken_out() -> None:
    times = NodeTimes({"a": 6.0, "b": 2.0}, whole_ms=10.0, runs=3)
    graph = [_node("a", "x", "y"), _node("b", "y", "z", kind="Relu")]
    found = layer_times(graph, times, {"a": "m/a", "b": "m/b"}, whole_ms=5.0)
    assert [(x.name, x.kind, x.latency_ms, x.share) for x in found] == [
        ("m/a", "Conv", 3.0, 0.6), ("m/b", "Relu", 1.0, 0.2)]


def test_steps_that_the_runtime_added_are_named_after_what_they_serve() -> None:
    graph = [_node("in", "x", "t", kind="ReorderInput"), _node("a", "t", "u"),
             _node("a_act", "u", "y", kind="ReorderOutput", with_producer=True),
             _node("lonely", "p", "q", kind="Cast")]
    times = NodeTimes({"in": 1.0, "a": 4.0, "a_act": 2.0, "lonely": 1.0}, whole_ms=8.0, runs=3)
    found = {x.name: x.kind for x in layer_times(graph, times, {"a": "m/a", "a_act": "m/r"}, 8.0)}
    assert found == {"m/a": "Conv", "m/a/ReorderOutput": "ReorderOutput",
                     "m/a/ReorderInput": "ReorderInput", "lonely": "Cast"}


def test_steps_inside_a_loop_are_not_counted_twice() -> None:
    times = NodeTimes({"loop": 6.0, "inner": 5.0}, whole_ms=6.0, runs=3)
    found = layer_times([_node("loop", "x", "y", kind="Loop")], times, {"loop": "loop"}, 6.0)
    assert [(x.name, x.latency_ms) for x in found] == [("loop", 6.0)]


def _save(path: Path, names: list[str], *, bad: bool = False) -> None:
    """A chain of nodes without fusion between them."""
    nodes, last = [], "x"
    for number, name in enumerate(names):
        nodes.append(helper.make_node("Erf", [last], [f"t{number}"], name=name))
        last = f"t{number}"
    if bad:
        nodes.append(helper.make_node("Gather", ["table", "index"], ["g"], name="g"))
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])]
    result = [helper.make_tensor_value_info("g" if bad else last, TensorProto.FLOAT, None)]
    weights = [numpy_helper.from_array(np.ones(3, dtype=np.float32), "table"),
               numpy_helper.from_array(np.array([9]), "hidden")]
    if bad:
        # The runtime folds constants, so the index must come from an input.
        nodes.insert(0, helper.make_node("Add", ["wanted", "hidden"], ["index"], name="i"))
        given.append(helper.make_tensor_value_info("wanted", TensorProto.INT64, [1]))
    graph = helper.make_graph(nodes, "g", given, result, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9),
              path)


def test_nodes_without_names_of_their_own_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    _save(path, ["", "same", "same", "Erf_0", "own"])
    before = path.read_bytes()
    found = measure_layers(path, runtime_for("cpu"), rule=BRIEF)
    assert {x.name for x in found.layers} == {"Erf_0_", "same_1", "same_2", "Erf_0", "own"}
    assert path.read_bytes() == before


def test_weights_in_files_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    FakeSpace().export_onnx(None, path)
    model = onnx.load(path)
    model.graph.node[0].name = ""
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    found = measure_layers(path, runtime_for("cpu"), rule=BRIEF)
    assert "Conv_0" in {x.name for x in found.layers}
    (tmp_path / "w.bin").unlink()
    with pytest.raises(UserError, match=r"weights of .*net\.onnx"):
        measure_layers(path, runtime_for("cpu"), rule=BRIEF)


def test_scopes_that_torch_notes_become_modules(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    _save(path, ["node_a", "node_b", "node_c"])
    model = onnx.load(path)
    for node, scopes in zip(model.graph.node, ["['', 'body.0', 'a']", "['', 'b']", "torn ["],
                            strict=True):
        entry = node.metadata_props.add()
        entry.key, entry.value = "pkg.torch.onnx.name_scopes", scopes
    onnx.save(model, path)
    assert named_model(path, tmp_path).shown == {
        "node_a": "body.0/node_a", "node_b": "node_b", "node_c": "node_c"}


def test_a_model_that_fails_when_executed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    _save(path, ["a"], bad=True)
    with pytest.raises(UserError, match=r"cannot execute .*net\.onnx"):
        measure_layers(path, runtime_for("cpu"), rule=BRIEF)


def test_named_runtime() -> None:
    assert runtime_for("cpu", "fp32", "onnxruntime").name == "onnxruntime"
    with pytest.raises(UserError, match="unknown runtime 'tpu'"):
        runtime_for("cpu", runtime="tpu")
    with pytest.raises(UserError, match="onnxruntime cannot reach 'cuda:0'"):
        runtime_for("h200", runtime="onnxruntime")
    with pytest.raises(UserError, match="'int8'"):
        runtime_for("cpu", "int8", "onnxruntime")


@pytest.mark.parametrize(("name", "wanted"), [
    ("/layer1/layer1.0/conv/Conv", ["layer1", "0", "conv", "Conv"]),
    ("fnet.cells.0.project/Conv_1", ["fnet", "cells", "0", "project", "Conv_1"]),
    ("plain", ["plain"]),
    ("/", ["/"]),
    ("a//b", ["a", "b"]),
])
def test_segments(name: str, wanted: list[str]) -> None:
    assert segments(name) == wanted


def test_a_tree_loses_no_time() -> None:
    layers = [Layer(name=name, kind=kind, latency_ms=ms, share=0.1) for name, kind, ms in [
        ("a/b", "Conv", 4.0), ("a/b/Reorder", "Reorder", 1.0), ("a", "Add", 2.0),
        ("a", "Mul", 0.5), ("c", "Conv", 0.25)]]
    tree = module_tree("net", layers)
    a = tree.parts["a"]
    assert a.parts["b"].latency_ms == 4.0
    assert a.parts["b"].parts["Reorder"].latency_ms == 1.0
    assert (a.parts["Add"].latency_ms, a.parts["Mul"].latency_ms) == (2.0, 0.5)
    assert tree.parts["c"].kind == "Conv"
    assert tree.latency_ms == a.latency_ms == 0


def test_page_needs_nothing_else_and_is_whole_or_absent(tmp_path: Path) -> None:
    evil = "</script><b>{{rows}}"
    page = tmp_path / "page.html"
    write_page(page, measured_model([Layer(name=evil, kind="Conv", latency_ms=9.0, share=0.9)]))
    text = page.read_text()
    assert "</script><b>" not in text
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text.split("<script>")[0])
    figures = json.loads(re.search(r"const figures = (.*);\n", text)[1].replace("<\\/", "</"))  # type: ignore[index]
    flame = figures["flame"]["data"][0]
    assert flame["type"] == "icicle"
    assert sum(flame["values"]) == pytest.approx(10.0)
    assert set(flame["parents"]) - set(flame["ids"]) == {""}
    assert len(set(flame["ids"])) == len(flame["ids"])
    assert sum(figures["kinds"]["data"][0]["x"]) == pytest.approx(10.0)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(UserError, match="cannot write"):
        write_page(tmp_path / "absent" / "page.html", measured_model([]))


def test_brackets_in_a_name_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show(measured_model([Layer(name="a[red]b", kind="Conv", latency_ms=9.0, share=0.9),
                   Layer(name="c", kind="Add", latency_ms=0.5, share=0.05)]), 1, BRIEF, None)
    said = capsys.readouterr().out
    assert "a[red]b" in said
    assert "1 more layers" in said
    assert "unattributed" in said


def test_doubts_are_said() -> None:
    assert warnings(measured_model([]), BRIEF) == []
    said = " ".join(warnings(measured_model([], error=0.05, discarded=40, samples=4), BRIEF))
    assert "5.00 %" in said
    assert "only 4 of the 5 samples wanted" in said
    assert "40 of 44 samples were disturbed" in said


def test_json_is_all_that_is_printed(model: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    done = run_module("profiler.measure", model, "--json", "--max-seconds", "0.2", "--html", page)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"median_ms", "p10_ms", "p90_ms", "p99_ms", "samples", "discarded", "error", "layers",
            "unattributed_ms", "device", "runtime", "runtime_version", "precision",
            "threads"} <= set(found)
    assert set(found["layers"][0]) == {"name", "kind", "latency_ms", "share"}
    assert page.exists()


@pytest.mark.parametrize(("arguments", "said"), [
    (["absent.onnx"], "no model file 'absent.onnx'"),
    (["README.md"], "'README.md' cannot be read as an ONNX model"),
    (["README.md", "--runtime", "tpu"], "unknown runtime 'tpu'"),
    (["README.md", "--target", "tpu"], "unknown target 'tpu'"),
    (["README.md", "--threads", "99999"], "--threads 99999"),
    (["README.md", "--min-samples", "1"], "--min-samples"),
    (["README.md", "--html", "LICENSE/page.html"], "cannot write to folder 'LICENSE'"),
])
def test_wrong_input_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    done = run_module("profiler.measure", *arguments)
    assert_refused(done, said)
