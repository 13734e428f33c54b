"""What stands behind the laws of unmeasured devices: traces, splits, networks by their choices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks._accel import FILE, operators
from benchmarks._leave_out import a_fifth, family, folds
from benchmarks._public import data_folder
from benchmarks._published import rows_of
from benchmarks._trace import trace
from luts._costs import cost_of
from luts.errors import UserError


class Attention(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(x, x, x)


def test_a_trace_holds_what_pytorch_executes() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                               nn.Flatten(), nn.Linear(8 * 64, 5)).eval()
        found = trace(module, torch.empty(2, 3, 8, 8)).counts
    assert {op.key: n for op, n in found.items()} == {
        "conv(2x3x8x8)[bias=1,dilation=1x1,groups=1,kernel=3x3,out=8,padding=1x1,stride=1x1]:fp32":
            1,
        "batch_norm(2x8x8x8)[]:fp32": 1,
        "elementwise(1024)[fn=relu]:fp32": 1,
        "linear(2x512)[out=5]:fp32": 1,
    }


def test_fused_attention_stays_whole() -> None:
    with torch.device("meta"):
        found = trace(Attention(), torch.empty(2, 4, 16, 32)).counts
    assert [op.key for op in found] == ["attention(8x16x32,8x16x32,8x16x32)[]:fp32"]


def test_families_stay_whole_and_every_network_is_judged_once() -> None:
    names = [f"{letters}_{i}" for letters in ("a", "b", "c", "d", "e", "f", "g")
             for i in range(len(letters) + ord(letters) % 5)]
    groups = [family(name) for name in names]
    judged = []
    for learn, judge in folds(groups):
        assert not {groups[i] for i in learn} & {groups[i] for i in judge}
        judged += judge.tolist()
    assert sorted(judged) == list(range(len(names)))
    learn, judge = a_fifth(101)
    assert len(judge) == 20
    assert sorted([*learn, *judge]) == list(range(101))


@pytest.mark.parametrize(("name", "wanted"), [
    ("tf_efficientnet_b0", "efficientnet"), ("seresnext50_32x4d", "resnext"),
    ("resnet50", "resnet"), ("regnety_032", "regnet"), ("vit_base_patch16_224", "vit"),
])  # fmt: skip
def test_relatives_share_a_family(name: str, wanted: str) -> None:
    assert family(name) == wanted


def test_mnasnets_have_the_published_number_of_parameters() -> None:
    try:
        rows = rows_of(data_folder(None) / FILE)
    except UserError as error:
        pytest.skip(str(error))
    for i in np.random.default_rng(0).choice(len(rows), 20, replace=False):
        listed = [op for op, _ in operators(rows[i])]
        millions = sum(cost_of(op).parameters for op in listed) / 1e6
        assert millions == pytest.approx(float(rows[i]["params_m"]), abs=5e-4)


def test_a_missing_file_of_traces_is_named(tmp_path: Path) -> None:
    from benchmarks._published import read_traces

    with pytest.raises(UserError, match="python -m benchmarks.trace_networks"):
        read_traces(tmp_path / "none.jsonl.gz")
