"""Engines on a real device."""

from __future__ import annotations

from pathlib import Path

import pytest

from luts.errors import UserError
from profiler.runtimes import Runtime
from tests.conformance.runtime import RuntimeConformance
from tests.gpu.loading import loaded

pytestmark = pytest.mark.gpu


class TestTensorRt(RuntimeConformance):
    @pytest.fixture(params=["tensorrt", "tensorrt_rtx"])
    def runtime(self, request: pytest.FixtureRequest) -> Runtime:
        return loaded(request.param)

    def test_every_precision_runs(self, runtime: Runtime, model: Path) -> None:
        for precision in runtime.precisions:
            if precision == "int8":
                with pytest.raises(UserError, match="QuantizeLinear"):
                    runtime.open(model, precision=precision)
                continue
            session = runtime.open(model, precision=precision)
            told = session.run()
            session.close()
            assert told is not None
            assert told > 0
