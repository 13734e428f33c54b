from __future__ import annotations

import pytest
from pydantic import ValidationError

from luts.errors import UnknownNameError
from luts.target import Target, load_target, target_names


def test_names() -> None:
    assert target_names() == ["a100", "cpu", "h200", "l4", "orin", "rtx3090", "rtx4090", "t4",
                              "v100"]


def test_every_target_loads_under_its_name() -> None:
    for name in target_names():
        assert load_target(name).name == name


@pytest.mark.parametrize(("name", "capability", "low", "high"),
                         [("rtx3090", "8.6", 30, 45), ("h200", "9.0", 150, 250),
                          ("rtx4090", "8.9", 80, 100), ("l4", "8.9", 200, 250)])
def test_data_sheet_facts_fit_each_other(
    name: str, capability: str, low: float, high: float
) -> None:
    """The balance of a GPU, FLOP per byte in fp16, is known for each generation."""
    target = load_target(name)
    assert target.compute_capability == capability
    assert target.memory_bandwidth_gb_s is not None
    balance = 1e3 * target.peak_tflops["fp16"] / target.memory_bandwidth_gb_s
    assert low < balance < 2 * high
    assert target.multiprocessors is not None
    assert target.boost_clock_mhz is not None
    # 128 multiply-adds per clock and multiprocessor, since Ampere's consumer parts.
    peak = target.multiprocessors * 128 * 2 * target.boost_clock_mhz / 1e6
    assert target.peak_tflops["fp32"] == pytest.approx(peak, rel=0.01)


@pytest.mark.parametrize("name", ["a100", "v100", "t4"])
def test_64_multiply_adds_per_clock_and_multiprocessor_on_older_parts(name: str) -> None:
    target = load_target(name)
    assert target.multiprocessors is not None
    assert target.boost_clock_mhz is not None
    peak = target.multiprocessors * 64 * 2 * target.boost_clock_mhz / 1e6
    assert target.peak_tflops["fp32"] == pytest.approx(peak, rel=0.02)


def test_unknown_target() -> None:
    with pytest.raises(UnknownNameError, match="unknown target 'rtx9'; known: a100, cpu, h200"):
        load_target("rtx9")


def test_a_gpu_without_facts_is_refused() -> None:
    facts = load_target("h200").model_dump()
    with pytest.raises(ValidationError, match="multiprocessors"):
        Target.model_validate({**facts, "multiprocessors": None})
    with pytest.raises(ValidationError, match="unknown precisions"):
        Target.model_validate({**facts, "precisions": ["fp12"]})
