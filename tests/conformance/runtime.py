"""What every runtime must do; inherit it, and give the `runtime` fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from luts.errors import UserError
from profiler.runtimes import Runtime
from tests.fakes import FakeSpace


class RuntimeConformance:
    """Inherit as ``class TestMine(RuntimeConformance)``.

    The inheriting class provides the fixture ``runtime``, and may replace ``model``, a file that
    it can open.
    """

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        FakeSpace().export_onnx(None, tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    def test_says_what_it_is(self, runtime: Runtime) -> None:
        assert runtime.available()
        assert runtime.version()
        assert runtime.kinds
        assert runtime.precisions

    def test_runs_and_closes_twice(self, runtime: Runtime, model: Path) -> None:
        session = runtime.open(model)
        session.run()
        session.run()
        session.close()
        session.close()

    def test_node_times_add_up_to_less_than_the_whole(self, runtime: Runtime, model: Path) -> None:
        session = runtime.open(model, profile=True)
        times = session.node_times(4)
        session.run()
        session.close()
        assert times.runs >= 1
        assert all(latency_ms > 0 for latency_ms in times.by_node_ms.values())
        assert 0 < sum(times.by_node_ms.values()) <= 1.05 * times.whole_ms

    def test_every_timed_node_is_in_the_graph(self, runtime: Runtime, model: Path) -> None:
        session = runtime.open(model, profile=True)
        times = session.node_times(2)
        names = [node.name for node in session.graph()]
        session.close()
        assert len(names) == len(set(names))
        assert set(times.by_node_ms) <= set(names)

    def test_node_times_need_a_session_opened_for_them(
        self, runtime: Runtime, model: Path
    ) -> None:
        session = runtime.open(model)
        with pytest.raises(RuntimeError):
            session.node_times(2)
        session.close()

    def test_refuses_an_unknown_precision(self, runtime: Runtime, model: Path) -> None:
        with pytest.raises(UserError, match="fp12"):
            runtime.open(model, precision="fp12")

    def test_refuses_what_is_no_model(self, runtime: Runtime, tmp_path: Path) -> None:
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(b"not a model")
        with pytest.raises(UserError, match=r"broken\.onnx"):
            runtime.open(broken)
