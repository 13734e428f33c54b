import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import public_latency
from benchmarks._baselines import additive, line, one_proxy, ridge
from benchmarks._figures import figures, less
from benchmarks._nb201 import OPERATIONS, executed, parse, read_cells
from benchmarks._neusight import family, read_devices, read_kind
from benchmarks._public import data_folder
from luts.errors import UserError

DATA = Path(os.environ.get("METRONAS_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_cells = pytest.mark.skipif(
    not (DATA / "nb201").is_dir(), reason=f"no NAS-Bench-201 latencies in {DATA}"
)
needs_operators = pytest.mark.skipif(
    not (DATA / "neusight_operators").is_dir(), reason=f"no NeuSight operators in {DATA}"
)


def test_cells_are_parsed_and_dead_operations_removed():
    text = ("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
    vector = parse(text)
    assert [OPERATIONS[i] for i in vector] == [
        "nor_conv_3x3", "none", "skip_connect", "none", "none", "avg_pool_3x3"
    ]  # fmt: skip
    assert executed(np.array([vector])).tolist() == [vector]
    cut = [*vector[:5], 0]  # node 2 no longer feeds the output, so nothing does
    assert executed(np.array([cut])).tolist() == [[0] * 6]


def test_figures_and_gains():
    found = figures(np.array([1.04, 2.0, 3.6]), np.array([1.0, 2.0, 3.0]))
    assert found["within_5"] == pytest.approx(2 / 3) and found["mape"] == pytest.approx(0.24 / 3)
    assert found["spearman"] == 1
    assert less(0.02, [0.04, 0.08]) == pytest.approx(0.5)
    assert less(1e-9, [1e-12]) == 0


def test_baselines_find_what_they_can_express():
    rng = np.random.default_rng(0)
    values = np.eye(4)[rng.integers(0, 4, (60, 3))].reshape(60, -1)
    truth = 5 + values @ rng.uniform(1, 3, 12)
    assert additive(values, truth)(values) == pytest.approx(truth)
    assert ridge(values, truth, logarithmic=False)(values) == pytest.approx(truth, rel=0.02)
    work = rng.uniform(1, 9, 60)
    assert line(work[:, None], 2 * work + 1)(work[:, None]) == pytest.approx(2 * work + 1)
    known = np.column_stack([rng.uniform(1, 2, 60), truth**2])
    assert np.corrcoef(one_proxy(known[:9], truth[:9])(known), truth)[0, 1] > 0.95


def test_parts_and_folders_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(UserError, match="no part 'cells'"):
        public_latency.main(only=["cells"], data=tmp_path, out=tmp_path / "o.json")
    with pytest.raises(UserError, match="no folder"):
        data_folder(tmp_path / "none")
    with pytest.raises(UserError, match=r"no file .*nb201"):
        public_latency.main(only=["nb201"], data=tmp_path, seeds=1, out=tmp_path / "o.json")


@pytest.fixture
def operators(tmp_path):
    devices = {
        name: {"Device": name, "Mem_Bw": 300, "Num_Sm": 40, "Freq": 1500, "SingleFLOPs": 8000,
               "L2Cache": 4}
        for name in ("Tesla T4", "NVIDIA A100-PCIE-40GB")
    }  # fmt: skip
    (tmp_path / "device_configs.json").write_text(json.dumps(devices))
    lines = ["vendor,split,op,device,latency_ms,B,H"]
    lines += [f"nvidia,{'train' if i else 'test'},add,{name},{0.01 * (i + 1)},{8 * (i + 1)},64"
              for name in devices for i in range(6)]  # fmt: skip
    (tmp_path / "elementwise.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return tmp_path


def test_operators_are_read_with_the_same_shapes_on_all_devices(operators):
    data = read_kind(operators, "elementwise", 3, seed=0)
    assert len(data.operators) == 2 * 3 + 2 and data.in_range.sum() == 6
    for device in ("Tesla T4", "NVIDIA A100-PCIE-40GB"):
        own = data.device == device
        assert sorted(data.shape[own]) == sorted(data.shape[~own])
    assert data.operators[0].kind == "elementwise" and len(data.operators[0].inputs) == 2
    facts = read_devices(operators)["Tesla T4"]
    assert facts.peak("fp32") == 8000 and facts.power_limit_w == 70
    assert family("NVIDIA A100 80GB PCIe") == family("NVIDIA A100-PCIE-40GB") != family("Tesla T4")


@needs_cells
def test_all_cells_are_there_and_a_simulated_device_adds_up():
    cells = read_cells(DATA / "nb201")
    assert cells.vectors.shape == (15_625, 6)
    assert len(np.unique(cells.vectors, axis=0)) == 15_625
    learn = np.arange(0, 15_625, 20)
    latency_ms = cells.latency_ms["eyeriss"]
    predicted_ms = additive(cells.one_hot[learn], latency_ms[learn])(cells.one_hot)
    assert figures(predicted_ms, latency_ms)["mape"] < 1e-4


@needs_operators
def test_every_device_of_the_real_rows_has_facts():
    facts = read_devices(DATA / "neusight_operators")
    data = read_kind(DATA / "neusight_operators", "layer norm", 50, seed=0)
    assert set(data.device.tolist()) <= set(facts)
    assert all(facts[name].power_limit_w for name in set(data.device.tolist()))
