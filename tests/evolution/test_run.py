"""The command as a user meets it, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import assert_refused


def call(
    *arguments: str, cwd: Path, tables: Path | None = None, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200",
                   "METRONAS_TABLES": str(tables or cwd / "tables")}
    return subprocess.run([sys.executable, *python, "-m", "evolution.run", *arguments], cwd=cwd,
                          env=environment, capture_output=True, text=True, timeout=120,
                          check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "cpux"), "unknown target 'cpux'; known: a100, cpu"),
        (("--target", "cpu", "--recipe", "flow"),
         "unknown recipe 'flow'; known: bn-nas, bn-nas-small, da-nas"),
        (("--target", "cpu", "--latency-ms", "-3"), "--latency-ms '-3' is no budget"),
        (("--target", "cpu", "--latency-ms", "0"), "--latency-ms '0' is no budget"),
        (("--target", "cpu", "--latency-ms", "nan"), "--latency-ms 'nan' is no budget"),
        (("--target", "cpu", "--latency-ms", "soon"), "--latency-ms 'soon' is no budget"),
        (("--target", "cpu", "--latency", "inf%"), "--latency 'inf%' is no budget"),
        (("--target", "cpu", "--latency", "80%", "--latency-ms", "3"), "not both"),
        (("--target", "cpu", "--memory-mib", "2GB"), "--memory-mib '2GB' is no budget; give a"),
        (("--target", "cpu", "--flops", "-1"), "--flops '-1' is no budget"),
        (("--target", "cpu", "--also-target", "tpu:80%"), "unknown target 'tpu'"),
        (("--target", "cpu", "--pareto", "80%"), "--pareto '80%' is no range"),
        (("--target", "cpu", "--pareto", "50%..90%", "--latency", "80%"), "give --pareto, or"),
        (("--target", "cpu", "--strategy", "best"),
         "unknown strategy 'best'; known: additive, evolution"),
        (("--target", "cpu", "--strategy", "evolution:best"), "unknown preset 'best'; known:"),
        (("--target", "cpu", "--seed", "-1"), "Invalid value for '--seed'"),
        (("--target", "cpu", "--evaluations", "0"), "Invalid value for '--evaluations'"),
        (("--target", "cpu", "--out", "taken/run"), "cannot make the run folder 'taken/run'"),
        (("--target", "cpu", "--out", "full"), "'full' is not empty and holds no run"),
        (("--target", "cpu"), "python -m profiler.build_lut --device cpu"),
        (("--target", "h200"), "python -m predictor.fit --target h200"),
        (("--target", "orin"), "no measured evidence"),
        (("--target", "rtx3090", "--latency-ms", "0.01"), "infeasible: no architecture"),
    ],
)
def test_wrong_input_ends_in_one_line_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    done = call(*arguments, cwd=tmp_path)
    assert_refused(done, message)
    assert done.stderr.startswith("error: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_help_shows_examples_and_loads_nothing_heavy(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "evolution.run", "--help"],
        cwd=root, capture_output=True, text=True, timeout=60, check=True,
    )
    assert "python -m evolution.run --target cpu --latency 80% --seed 1" in done.stdout
    loaded = {line.rpartition("|")[2].strip().partition(".")[0]
              for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "typer" in loaded
    assert not loaded & {"torch", "xgboost", "onnx", "onnxruntime", "pyarrow", "plotly", "scipy"}


def test_everything_before_the_search_works_without_torch() -> None:
    code = (
        "import sys, pathlib\n"
        "import evolution.prepare, evolution.conduct, evolution.run\n"
        "heavy = {'torch', 'xgboost', 'onnx', 'onnxruntime', 'plotly', 'scipy'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the real space with invented latencies, and the predictor fitted to it."""
    import numpy as np

    from luts.paths import table_folder
    from luts.spaces import load_space
    from predictor.network import NetworkPredictor
    from tests.predictor.tables import make_table

    space = load_space("flownas-small")
    vectors = space.sample(np.random.default_rng(0), 60)
    table = make_table(space, vectors, noise=0.01)
    root = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METRONAS_TABLES", str(root))
        folder = table_folder("cpu", "flownas-small", "onnxruntime", "fp32", 1, 1)
    folder.mkdir(parents=True)
    table.save(folder)
    NetworkPredictor.fit(space, table).save(folder / "predictor")
    return root


def test_an_infeasible_budget_is_refused_with_numbers_before_torch_loads(
    tmp_path: Path, tables: Path
) -> None:
    done = call("--target", "cpu", "--latency-ms", "0.001", "--out", "run", cwd=tmp_path,
                tables=tables, python=("-X", "importtime"))
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    said = [line for line in lines if not line.startswith("import time:")]
    assert len(said) == 1
    assert ("is sure to keep 0.001 ms on 'cpu' (--latency-ms 0.001); predictions reach from"
            in said[0])
    assert list(tmp_path.iterdir()) == []
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    # The fastest network needs no solver, its bound no library of trees.
    assert not loaded & {"torch", "onnxruntime", "onnx", "plotly", "scipy", "xgboost",
                         "pyarrow.dataset"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--memory-mib", "1"), "has at most 1.00 MiB (--memory-mib 1); they have from"),
        (("--also-target", "cpu@2"), "no latency table of 'flownas-small' on 'cpu' (fp32, batch 1, "
                                     "2 threads)"),
        (("--energy-mj", "80%"), "has no energy"),
        (("--pareto", "1%..100%"), "(--pareto 1%..100%); predictions reach"),
    ],
)
def test_constraints_that_cannot_be_kept_are_refused_before_torch_loads(
    tmp_path: Path, tables: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = call("--target", "cpu", "--out", "run", *arguments, cwd=tmp_path, tables=tables,
                python=("-X", "importtime"))
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    said = [line for line in lines if not line.startswith("import time:")]
    assert len(said) == 1 and message in said[0]
    assert list(tmp_path.iterdir()) == []
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert not loaded & {"torch", "onnxruntime", "scipy", "xgboost"}


@pytest.mark.parametrize("recipe", ["flownas", "flownas-small"])
@pytest.mark.parametrize("budgets", [("0.1", "80%"), ("100", "5%")])
def test_several_targets_are_refused_without_table_readers_and_solvers(
    tmp_path: Path, recipe: str, budgets: tuple[str, str]
) -> None:
    done = call("--target", "rtx3090", "--recipe", recipe, "--latency-ms", budgets[0],
                "--also-target", f"a100:{budgets[1]}", "--parameters", "90%", "--accept-estimate",
                "--out", "run", cwd=tmp_path, python=("-X", "importtime"))
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    said = [line for line in lines if not line.startswith("import time:")]
    assert len(said) == 1
    assert "is sure to keep" in said[0]
    assert "of the others from" in said[0]
    assert "parameters to" in said[0]
    assert list(tmp_path.iterdir()) == []
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert "numpy" in loaded
    assert not loaded & {"torch", "onnxruntime", "onnx", "plotly", "scipy", "xgboost", "pyarrow"}


def test_a_damaged_table_is_named(tmp_path: Path, tables: Path) -> None:
    import shutil

    copy = shutil.copytree(tables, tmp_path / "copy")
    damaged = next(copy.rglob("table.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-10])
    done = call("--target", "cpu", "--out", "run", cwd=tmp_path, tables=copy)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "table.parquet is absent, truncated or edited" in done.stderr
    assert not (tmp_path / "run").exists()
