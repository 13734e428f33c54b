"""What holds for every runtime that serves this CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from luts.errors import UserError
from luts.target import load_target
from profiler._stopping import StoppingRule
from profiler.campaign import Campaign
from profiler.plan import make_plan
from profiler.runtimes import RUNTIMES, load_runtime
from profiler.settings import Settings
from profiler.timing import runtime_for
from tests.fakes import FakeSpace


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_campaign_measures_through_the_same_seam(name: str, tmp_path: Path) -> None:
    if not RUNTIMES.get(name)().available():
        pytest.skip(f"the package '{name}' is not installed")
    space = FakeSpace()
    rule = StoppingRule(min_samples=5, min_seconds=0.01, max_seconds=0.1)
    # A busy machine spoils the values, which this test does not look at.
    settings = Settings(rule=rule, canary_rule=rule, patience_s=0.0)
    plan = make_plan(space, networks=14)
    table = Campaign(space, plan, load_runtime(name), tmp_path, settings=settings).run()
    assert table.info.runtime == name
    assert {row.operator for row in table.rows} >= set(plan.contexts)
    for measured in table.networks:
        # Nodes timed back to back leave nothing between them but rounding.
        assert -1e-9 <= measured.unattributed_ms < measured.latency_ms


def test_targets_list_runtimes_that_exist_best_first() -> None:
    assert load_target("cpu").runtimes == ("onnxruntime", "openvino", "torch")
    for name in ("cpu", "h200", "rtx3090"):
        assert set(load_target(name).runtimes) <= set(RUNTIMES.names())
    assert runtime_for("cpu").name == "onnxruntime"


def test_a_precision_that_the_first_runtime_lacks_goes_to_the_next() -> None:
    assert runtime_for("cpu", "bf16").name in {"openvino", "torch"}


def test_runtimes_of_one_kind_of_device_refuse_the_other() -> None:
    with pytest.raises(UserError, match="onnxruntime cannot reach 'cuda:0'"):
        load_runtime("onnxruntime", device="cuda:0")
