from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from profiler import _budget, _estimate
from profiler.build_lut import main
from tests.commands import assert_refused, run_module

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--device", "cuda:0"], "device 'cuda:0'"),
        (["--device", "cpu", "--recipe", "nothing"], "unknown recipe 'nothing'"),
        (["--device", "cpu", "--threads", "0"], "--threads"),
        (["--device", "cpu", "--threads", "99999"], "--threads 99999"),
        (["--device", "cpu", "--resume", "--force"], "--force"),
        (["--device", "cpu", "--networks", "-3"], "--networks"),
        (["--device", "cpu", "--precision", "fp12"], "fp12"),
        (["--device", "cpu", "--runtime", "tflite"], "unknown runtime 'tflite'"),
        (["--device", "cpu", "--runtime", "onnxruntime", "--precision", "bf16"], "'bf16'"),
        (["--device", "cpu", "--runtime", "tensorrt"], "runtime 'tensorrt'"),
        (["--device", "cpu", "--batch", "0"], "--batch"),
        ([], "--device"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    done = run_module("profiler.build_lut", *arguments)
    assert_refused(done, said)


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = run_module("profiler.build_lut", "--device", "cpu", "--out", str(blocked / "table"))
    assert_refused(done, "cannot write to folder")


def test_help_shows_examples_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['build_lut', '--help']\n"
        "import runpy\n"
        "try:\n    runpy.run_module('profiler.build_lut', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "heavy = {'torch', 'onnxruntime', 'onnx', 'xgboost', 'pyarrow', 'scipy', 'plotly'}\n"
        "print('loaded', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          timeout=60, check=True)
    assert "loaded []" in done.stdout
    assert "python -m profiler.build_lut --device cpu" in done.stdout


def test_a_piped_plan_lists_every_operator_with_its_contexts() -> None:
    done = run_module("profiler.build_lut", "--device", "cpu", "--plan-only", "--wait", "60")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    assert lines[0] == ["contexts", "operator"]
    counts = [int(count) for count, _ in lines[1:]]
    assert len(counts) > 300
    assert counts == sorted(counts)
    assert counts[0] >= 3


def test_a_plan_that_no_predictor_can_learn_from_is_named_before_it_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (_budget, _estimate):
        monkeypatch.setattr(module, "estimate_minutes",
                            lambda space, plan, *rest: float(len(plan.networks)))
    for minutes, said in ((12.0, "warning: 11 networks beside the reference, predictor.fit needs "
                                 "40; give more minutes or --networks\n"), (90.0, "")):
        main(device="cpu", recipe="da-nas-small", budget_minutes=minutes, plan_only=True,
             wait=60.0)
        assert capsys.readouterr().err == said
