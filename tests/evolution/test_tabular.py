from __future__ import annotations

import gzip
import json
import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from evolution.counts import counted, gathered
from evolution.tabular.nasbench_macro import FILE as MACRO
from evolution.tabular.nasbench_macro import nasbench_macro
from evolution.tabular.nb201 import FILE as CELLS
from evolution.tabular.nb201 import OPERATIONS, counts, nb201
from evolution.tabular.problem import TableLimit, TabularProblem, TabularSpace
from luts.errors import CorruptFileError, InfeasibleError, UserError
from luts.space import Decision, Factor

DATA = Path(os.environ.get("METRONAS_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_cells = pytest.mark.skipif(
    not (DATA / "nb201").is_dir(), reason=f"no NAS-Bench-201 in {DATA}"
)
needs_macro = pytest.mark.skipif(
    not (DATA / "nasbench_macro").is_dir(), reason=f"no NAS-Bench-Macro in {DATA}"
)


def small_problem() -> TabularProblem:
    """Three decisions of 2, 3 and 4 choices; the cost adds up, the accuracy does not."""
    decisions = [Decision(name, tuple(range(n))) for name, n in (("a", 2), ("b", 3), ("c", 4))]
    factors = [Factor("a", (0,)), Factor("bc", (1, 2))]
    grid = np.array(list(product(range(2), range(3), range(4))))
    cost = 1.0 + 2 * grid[:, 0] + grid[:, 1] * grid[:, 2]
    space = TabularSpace("small", decisions, factors, {"parameters": cost, "flops": 2 * cost})
    return TabularProblem(space, 50 + np.arange(24.0) % 7, {"ms": cost})


def test_a_table_is_read_by_vectors() -> None:
    problem = small_problem()
    grid = problem.space.grid
    assert problem.space.rows(grid).tolist() == list(range(24))
    assert problem.accuracy_of(grid[[3, 9]]).tolist() == [53, 52]
    for name, factor in (("parameters", 1), ("flops", 2)):
        sums = gathered(problem.space, counted(problem.space, name), grid)
        np.testing.assert_allclose(sums, factor * problem.costs["ms"])


def test_the_optimum_under_a_limit_is_known() -> None:
    problem = small_problem()
    region = problem.region("ms", 3.0)
    cheap = problem.costs["ms"] <= 3
    assert problem.optimum(region) == problem.accuracy[cheap].max()
    members = region.everything()
    assert members is not None and len(members) == cheap.sum()
    repaired, kept = region.repair(np.random.default_rng(0), problem.space.grid)
    assert kept.all()
    assert region.allowed(repaired).all()
    half = problem.percentile("ms", 50)
    limit = half.limits[0]
    assert isinstance(limit, TableLimit) and limit.most == np.percentile(problem.costs["ms"], 50)


def test_what_a_table_does_not_hold_is_refused() -> None:
    problem = small_problem()
    with pytest.raises(UserError, match="no cost 'mj' in the table of small; there are: ms"):
        problem.region("mj", 1)
    with pytest.raises(InfeasibleError, match="at most 0.5 of ms; they cost 1 to 9"):
        problem.region("ms", 0.5)
    for refused in (problem.space.lower_reference,
                    lambda: problem.space.lower_factor(problem.space.factors[0], (0,)),
                    lambda: problem.space.export_onnx(None, Path("x.onnx"))):
        with pytest.raises(UserError, match="is a table of whole networks"):
            refused()
    with pytest.raises(CorruptFileError, match="no sum over its factors"):
        problem.space.parts(problem.accuracy)


def write_cells(folder: Path, drop: int = 0) -> None:
    lines = ["arch_idx,arch_str,acc_cifar100_test,lat_ms__phone"]
    rows = list(product(range(5), repeat=6))
    np.random.default_rng(0).shuffle(rows)
    for index, row in enumerate(rows[drop:]):
        a, b, c, d, e, f = (OPERATIONS[i] for i in row)
        text = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
        lines.append(f"{index},{text},{sum(row)},{1 + sum(row) / 10}")
    (folder / CELLS).write_bytes(gzip.compress("\n".join(lines).encode(), 1))


def test_cells_of_any_order_are_put_in_theirs(tmp_path: Path) -> None:
    write_cells(tmp_path)
    problem = nb201(tmp_path)
    assert problem.space.size == 15_625 and set(problem.costs) == {"phone"}
    np.testing.assert_allclose(problem.accuracy, problem.space.grid.sum(axis=1))
    with pytest.raises(UserError, match="no column 'acc_imagenet'"):
        nb201(tmp_path, "acc_imagenet")
    write_cells(tmp_path, drop=1)
    with pytest.raises(CorruptFileError, match="15624 rows, not each of 15,625"):
        nb201(tmp_path)
    with pytest.raises(UserError, match="no file"):
        nb201(tmp_path / "none")


def test_counts_of_known_cells() -> None:
    convolutions = np.full((1, 6), OPERATIONS.index("nor_conv_3x3"))
    found = counts(convolutions)
    # The largest network of the space: 220.12 M multiply-adds and 1.5315 M weights as published.
    assert found["flops"][0] / 2e6 == pytest.approx(220.12, abs=0.01)
    assert found["parameters"][0] == 1_531_546
    cut = np.array([[3, 3, 3, 0, 0, 0]])  # nothing reaches the output
    assert counts(cut)["parameters"][0] == counts(np.zeros((1, 6), dtype=np.int64))["parameters"][0]


def test_chains_are_read_and_broken_files_refused(tmp_path: Path) -> None:
    names = ["".join(row) for row in product("012", repeat=8)]
    networks = {
        name: {"mean_acc": 80.0 + sum(map(int, name)), "params": 10 + name.count("2"),
               "flops": 100 + sum((i + 1) * int(c) for i, c in enumerate(name))}
        for name in reversed(names)
    }
    path = tmp_path / MACRO
    path.write_bytes(gzip.compress(json.dumps(networks).encode(), 1))
    problem = nasbench_macro(tmp_path)
    np.testing.assert_allclose(problem.accuracy, 80 + problem.space.grid.sum(axis=1))
    assert problem.optimum(problem.region("flops", 100)) == 80
    del networks["02012100"]
    path.write_bytes(gzip.compress(json.dumps(networks).encode(), 1))
    with pytest.raises(CorruptFileError, match="lacks a network"):
        nasbench_macro(tmp_path)
    path.write_bytes(b"no gzip")
    with pytest.raises(CorruptFileError, match="cannot be read"):
        nasbench_macro(tmp_path)
    with pytest.raises(UserError, match="no file"):
        nasbench_macro(tmp_path / "none")


@needs_cells
def test_real_cells_have_their_published_optima() -> None:
    problem = nb201(DATA / "nb201")
    assert problem.accuracy.max() == pytest.approx(73.5133)
    assert problem.optimum(problem.percentile("raspi4", 25)) == pytest.approx(68.48, abs=0.005)
    assert problem.optimum(problem.percentile("eyeriss", 25)) == pytest.approx(71.63, abs=0.005)
    assert nb201(DATA / "nb201", "acc_cifar10_test").accuracy.max() == pytest.approx(94.3733)


@needs_macro
def test_real_chains_add_up() -> None:
    problem = nasbench_macro(DATA / "nasbench_macro")
    assert problem.space.size == 6561
    sums = gathered(problem.space, counted(problem.space, "flops"), problem.space.grid)
    np.testing.assert_allclose(sums, 2 * problem.costs["flops"])
    assert problem.optimum(problem.region("flops", 1e9)) == problem.accuracy.max()
