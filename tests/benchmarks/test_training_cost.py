import pytest
import torch

from benchmarks._training_times import interleaved
from benchmarks.fad_ablation import VARIANTS, folder_of
from benchmarks.training_cost import LARGEST, PEAK, RENDER, SUPERNET, _figures
from luts.recipes import read_recipe
from supernet.training.overrides import overrides
from supernet.training.settings import training_settings


def test_every_round_times_each_kind_once_and_the_first_does_not_count():
    calls = []
    kinds = {name: (lambda index, name=name: calls.append((index, name))) for name in "ab"}
    times = interleaved(kinds, 3, 0, torch.device("cpu"))
    assert {name: len(own) for name, own in times.items()} == {"a": 3, "b": 3}
    assert [sorted(calls[i : i + 2]) for i in range(0, 8, 2)] == [
        [(index, "a"), (index, "b")] for index in range(4)]


def test_the_ratio_is_per_architecture_and_round():
    found = _figures({SUPERNET: [3.0, 6.0, 30.0], LARGEST: [1.0, 2.0, 10.0],
                      RENDER: [0.5, 0.5, 0.5], PEAK: [0.1, 0.1, 0.1]}, 3, 2,
                     {LARGEST: 8.0, PEAK: 1.0})
    assert found["ratio_per_architecture"] == pytest.approx(1.0)
    assert found["ratio_quartiles"] == pytest.approx([1.0, 1.0])
    assert found["pairs_per_second"][RENDER] == pytest.approx(4.0)
    assert found["largest_over_peak"] == pytest.approx(4 / 10)
    assert found["rendering_per_worker_over_supernet_need"] == pytest.approx(4 / (2 / 6))


def test_variants_of_the_ablation_differ_in_distillation_alone():
    section = read_recipe("flownas-small")["training"]
    found = {
        name: training_settings("r", overrides(section, own)) for name, own in VARIANTS.items()
    }
    assert len({settings.fad for settings in found.values()}) == 5
    assert found["no FAD"].fad.weight == 0 and found["no FAD"].fad.initial_head
    assert folder_of("taps 1-4, max", 2) == "taps-1-4-max-2"
    assert len({folder_of(name, 0) for name in VARIANTS}) == 5
    assert len({settings.model_copy(update={"fad": None}) for settings in found.values()}) == 1
