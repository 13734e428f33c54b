from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from luts.errors import UnknownNameError, UserError
from profiler._pace import write_probe
from profiler.attribution import attribute, owners
from profiler.runtimes import RUNTIMES, Runtime, load_runtime
from profiler.runtimes._ort_provider import CPU, CUDA
from profiler.runtimes._ort_trace import mean_times
from profiler.runtimes.onnxruntime import OnnxRuntime, onnxruntime_tensorrt
from tests.conformance.runtime import RuntimeConformance
from tests.fakes import FakeSpace
from tests.profiler.examples import CHAIN, timed_chain


class TestOnnxRuntime(RuntimeConformance):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return load_runtime("onnxruntime")


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core only")
def test_threads_of_a_session_rest_once_it_has_run(tmp_path: Path) -> None:
    """Else they take a core from the next session; by default they spin for some 20 ms."""
    # Large enough for a second thread to take part.
    model = write_probe(tmp_path / "model.onnx")
    session = load_runtime("onnxruntime").open(model, threads=2)
    with closing(session):
        spent_s = []
        for _ in range(3):
            for _ in range(3):
                session.run()
            before = time.process_time()
            time.sleep(0.3)
            spent_s.append(time.process_time() - before)
        # Spinning threads spin after every run; what else this process does, it does at times.
        assert min(spent_s) < 0.008


def test_unknown_runtime() -> None:
    with pytest.raises(UnknownNameError, match="unknown runtime 'tpu'"):
        load_runtime("tpu")


def test_unsupported_precision() -> None:
    with pytest.raises(UserError, match="'int8'"):
        load_runtime("onnxruntime", "int8")


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime_tensorrt"])
def test_a_package_without_the_provider_names_the_extra(name: str) -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("the installed package has CUDA")
    with pytest.raises(UserError, match=r"'cuda:0': .*CPUExecutionProvider.*metronas\[gpu\]"):
        load_runtime(name, RUNTIMES.get(name)().precisions[0], "cuda:0")


def test_providers_are_told_device_and_precision() -> None:
    assert CPU.options("cpu", "fp32") == {}
    assert CUDA.options("cuda:1", "fp32") == {"device_id": "1", "use_tf32": "0"}
    assert CUDA.options("cuda", "tf32") == {"device_id": "0", "use_tf32": "1"}
    # It may use TF32 whatever one says, so it does not offer fp32.
    assert onnxruntime_tensorrt().precisions == ("tf32", "fp16")


def test_operators_are_not_timed_on_a_gpu(tmp_path: Path) -> None:
    FakeSpace().export_onnx(None, tmp_path / "model.onnx")
    with pytest.raises(UserError, match="does not time operators on 'cuda:0'"):
        OnnxRuntime(CUDA, "cuda:0").open(tmp_path / "model.onnx", profile=True)


def test_free_dimension_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])
    model = helper.make_model(
        helper.make_graph([node], "g", [x], [y]), opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.save(model, tmp_path / "free.onnx")
    with pytest.raises(UserError, match="free dimension 'N'"):
        load_runtime("onnxruntime").open(tmp_path / "free.onnx")


def test_reorders_and_fused_activations_belong_to_their_operators(tmp_path: Path) -> None:
    """Blocked layouts bring nodes of the runtime's own; nothing stays unattributed."""
    times, graph = timed_chain("onnxruntime", tmp_path)
    owner = owners(graph, {"a", "loop.b"})
    assert set(owner.values()) == {"a", "loop.b"}
    shares = attribute(times, owner, CHAIN, whole_ms=2 * times.whole_ms)
    total = shares.by_path_ms["a"] + 3 * shares.by_path_ms["loop.b"]
    assert total + shares.unattributed_ms == pytest.approx(2 * times.whole_ms)
    assert total == pytest.approx(2 * sum(times.by_node_ms.values()))


def test_activation_of_another_module_does_not_take_the_convolution(tmp_path: Path) -> None:
    """A parent's ReLU is fused into its child's convolution, whose time stays the child's."""
    weight = np.ones((16, 3, 3, 3), dtype=np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["parent.conv/c_out"], name="parent.conv/Conv",
                         pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["parent.conv/c_out"], ["parent/r_out"], name="parent/Relu"),
        helper.make_node("Erf", ["parent/r_out"], ["y"], name="parent/Erf"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "m.onnx")
    session = load_runtime("onnxruntime").open(tmp_path / "m.onnx", profile=True)
    owner = owners(session.graph(), {"parent", "parent.conv"})
    kinds = {node.name: node.kind for node in session.graph()}
    session.close()
    assert {owner[name] for name, kind in kinds.items() if "Conv" in kind} == {"parent.conv"}
    assert {owner[name] for name, kind in kinds.items() if kind == "Erf"} == {"parent"}


def test_interference_with_single_nodes_does_not_shrink_the_others() -> None:
    """In each of nine inferences another node is held up for ten times its length."""
    events: list[dict[str, object]] = []
    for run in range(9):
        spent = 0
        for node in range(12):
            took = 1000 if node == run else 100
            spent += took
            events.append({"cat": "Node", "name": f"n{node}_kernel_time", "dur": took})
        events.append({"cat": "Session", "name": "model_run", "dur": spent + 50})
    times = mean_times(events, 9)
    assert times.by_node_ms == pytest.approx({f"n{node}": 0.1005 for node in range(12)})
    assert sum(times.by_node_ms.values()) / times.whole_ms == pytest.approx(1250 / 1300, abs=0.05)
