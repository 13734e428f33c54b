from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from luts.operator import Operator
from luts.target import load_target
from predictor.device_facts import DeviceFacts
from predictor.unmeasured.fitting import Collection, fit, usual_law
from predictor.unmeasured.law import Law, Level, Stack, together
from predictor.unmeasured.steps import Steps

FACTS = DeviceFacts.of_target(load_target("rtx3090"))


def conv(channels: int, size: int, batch: int = 1) -> Operator:
    return Operator.make("conv", (batch, channels, size, size), out=channels, kernel=(3, 3))


def network(rng: np.random.Generator) -> Steps:
    channels, size = int(rng.choice([16, 32, 64, 128])), int(rng.choice([14, 28, 56]))
    batch = int(rng.choice([1, 16, 256]))
    values = batch * channels * size**2
    return Steps.of([
        (conv(channels, size, batch), int(rng.integers(1, 20))),
        (Operator.make("relu", (values,)), int(rng.integers(1, 40))),
        (Operator.make("linear", (batch * 49, channels), out=4 * channels), int(rng.integers(8))),
    ])  # fmt: skip


def test_more_work_takes_longer_and_never_less_than_a_launch() -> None:
    law, level = usual_law(), Level()
    sizes = Steps.of([(conv(64, size), 1) for size in (1, 8, 32, 128, 512)])
    each = law.kernels_ms(sizes, FACTS, "fp16", level)
    assert (np.diff(each) > 0).all()
    assert each[0] >= np.exp(law.launch_ms)
    # Nothing computes faster than the peak, or moves data faster than 1 + c times the bandwidth.
    assert (each > sizes["flops"] / FACTS.peak("fp16") / 1e6).all()


def test_levels_scale_what_they_name() -> None:
    law = replace(usual_law(), launch_ms=-50.0)
    large = Steps.of([(Operator.make("relu", (10**9,)), 1)])
    once, twice = (law.kernels_ms(large, FACTS, "fp32", level)
                   for level in (Level(), Level(traffic=np.log(2))))
    assert twice == pytest.approx(2 * once)
    assert law.kernels_ms(large, FACTS, "fp32", Level(compute=1.0)) == pytest.approx(once)


def test_host_and_device_work_together() -> None:
    assert together(np.array([10.0]), np.array([0.001]))[0] == pytest.approx(10)
    assert together(np.array([3.0]), np.array([3.0]))[0] == pytest.approx(3 * 2**0.25)


def test_a_fit_recovers_the_law_that_made_the_latencies() -> None:
    rng = np.random.default_rng(0)
    truth = usual_law().vector + rng.normal(0, 0.3, len(usual_law().vector))
    level = Level(0.2, -0.1, float(np.log(0.012)))
    networks = [network(rng) for _ in range(120)]
    made_ms = Stack.of(networks).latency_ms(Law.of(truth), FACTS, "fp16", level)
    noisy_ms = made_ms * np.exp(rng.normal(0, 0.01, len(made_ms)))
    learn = Collection("card", FACTS, "fp16", networks[:90], noisy_ms[:90])
    law, levels = fit([learn])
    fresh_ms = Stack.of(networks[90:]).latency_ms(law, FACTS, "fp16", levels["card"])
    assert np.abs(fresh_ms / made_ms[90:] - 1).mean() < 0.03
    again, same = fit([learn])
    assert again == law
    assert same == levels


def test_a_level_is_fitted_with_the_law_as_it_is() -> None:
    rng = np.random.default_rng(1)
    law, level = usual_law(), Level(0.3, -0.2, float(np.log(0.02)))
    networks = [network(rng) for _ in range(60)]
    made_ms = Stack.of(networks).latency_ms(law, FACTS, "fp32", level)
    kept, levels = fit([Collection("card", FACTS, "fp32", networks, made_ms)], law,
                       law_fixed=True)
    assert kept == law
    found = levels["card"]
    assert (found.compute, found.traffic) == pytest.approx((0.3, -0.2), abs=0.05)
    assert found.host_ms == pytest.approx(level.host_ms, abs=0.2)


def test_vectors_and_laws_are_the_same() -> None:
    law = usual_law()
    assert Law.of(law.vector) == law
