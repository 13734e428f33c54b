"""A bundle is whole, tells what it is, and settles the truth where it lies."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evolution import export, verify
from evolution.bundle import write
from evolution.bundle.choice import Choice
from evolution.bundle.manifest import load_manifest, write_sums
from evolution.bundle.standalone import UnusableError, check_sums, difference, pairs_of
from evolution.result import load_result
from luts.errors import UserError
from luts.target import load_target
from tests.commands import call_main
from tests.evolution.bundle.toy_bundle import make_run, toy_subject

pytest.importorskip("onnxruntime")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(write, "load_subject", toy_subject)
    return make_run(tmp_path / "run", measured=True)


@pytest.fixture
def bundle(run: Path, tmp_path: Path) -> Path:
    write.export_bundle(run, Choice(), tmp_path / "bundle")
    return tmp_path / "bundle"


def told(bundle: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(bundle / "verify.py"), "--seconds", "0.1", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_it_holds_what_is_needed(bundle: Path, run: Path) -> None:
    names = {path.name for path in bundle.iterdir()}
    assert names == {"model.onnx", "bundle.json", "preprocessing.json", "golden.npz", "verify.py",
                     "runner.py", "LICENCES.md", "README.md", "SHA256SUMS"}
    manifest = load_manifest(bundle)
    assert manifest.expected.basis == "measured"
    assert manifest.expected.low_ms < manifest.expected.latency_ms < manifest.expected.high_ms
    assert manifest.checked.metrics["epe"] == pytest.approx(manifest.checked.torch_metrics["epe"])
    assert manifest.checked.largest_difference < 1e-6
    for line in (bundle / "SHA256SUMS").read_text().splitlines():
        wanted, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == wanted
        names.remove(name)
    assert names == {"SHA256SUMS"}
    with np.load(bundle / "golden.npz", allow_pickle=False) as file:
        assert len(pairs_of(dict(file))) == write.GOLDEN_EXAMPLES


def test_its_first_page_says_what_to_do_and_what_is_known(bundle: Path) -> None:
    page, manifest = (bundle / "README.md").read_text(), load_manifest(bundle)
    assert page.startswith("# model.onnx: a network of flownas-small in fp32 for cpu\n")
    assert "    python verify.py\n" in page
    assert f"pip install numpy onnxruntime=={manifest.model.runtime_version}` installs is" in page
    assert f"the budget of {manifest.budget_ms:.3f} ms on 1 thread(s)" in page
    assert f"{manifest.expected.latency_ms:.3f} ms, measured on the target" in page
    assert "{" not in page


def test_a_prediction_is_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "load_subject", toy_subject)
    run = make_run(tmp_path / "run")
    estimated = {"latencies": "estimated", "target": "rtx3090"}
    load_result(run).model_copy(update=estimated).save(run)
    write.export_bundle(run, Choice(), tmp_path / "bundle")
    page = (tmp_path / "bundle" / "README.md").read_text()
    assert "PREDICTED, never measured" in page and "measured on the target" not in page
    assert "    python verify.py --device cuda:0\n" in page
    assert "onnxruntime-gpu" in page and "a driver are there" in page


def test_the_script_settles_it_with_the_runtime_alone(bundle: Path) -> None:
    passed = told(bundle, "--latency-ms", "1e6")
    assert passed.returncode == 0, passed.stderr
    assert passed.stdout.startswith("PASS: ")
    assert "budget 1000000.000 ms for cpu" in passed.stdout
    assert "expected (measured;" in passed.stdout
    failed = told(bundle, "--latency-ms", "1e-6")
    assert failed.returncode == 1
    assert failed.stdout.startswith("FAIL: ")
    assert "slower than the budget" in failed.stdout


@pytest.mark.parametrize("name", ["model.onnx", "bundle.json", "golden.npz", "runner.py"])
def test_a_changed_file_is_named(bundle: Path, name: str) -> None:
    path = bundle / name
    path.write_bytes(path.read_bytes() + b" ")
    done = told(bundle, "--latency-ms", "1e6")
    assert done.returncode == 2
    assert f"'{name}' has not the checksum" in done.stderr
    assert done.stderr.count("\n") == 1
    with pytest.raises(UserError, match="tampered"):
        load_manifest(bundle)


def test_sums_that_leave_files_out_or_point_outside_are_refused(bundle: Path) -> None:
    sums = (bundle / "SHA256SUMS").read_text()
    without = [line for line in sums.splitlines() if not line.endswith("  runner.py")]
    (bundle / "SHA256SUMS").write_text("\n".join(without) + "\n")
    with pytest.raises(UnusableError, match=r"does not list runner\.py"):
        check_sums(bundle)
    (bundle / "SHA256SUMS").write_text(sums + "0" * 64 + "  ../run/result.json\n")
    with pytest.raises(UnusableError, match="tampered"):
        check_sums(bundle)
    (bundle / "golden.npz").unlink()
    (bundle / "SHA256SUMS").write_text(sums)
    with pytest.raises(UnusableError, match=r"'golden\.npz' cannot be read"):
        check_sums(bundle)


@pytest.mark.parametrize("budget", ["45ms", "0", "-1", "nan", "45 seconds"])
def test_a_budget_with_a_unit_is_one_line(bundle: Path, budget: str) -> None:
    done = told(bundle, f"--latency-ms={budget}")
    assert done.returncode == 2
    assert f"'{budget}' is no number above 0" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("target", "device"), [("cpu", "cuda:0"), ("rtx3090", "cpu")])
def test_a_device_of_another_kind_gets_no_verdict(bundle: Path, target: str, device: str) -> None:
    meant_for(bundle, target)
    done = told(bundle, "--device", device, "--latency-ms", "1e6")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"this bundle is for '{target}', and --device '{device}' is none" in done.stderr
    assert done.stderr.count("\n") == 1


def meant_for(bundle: Path, target: str) -> None:
    names = load_target(target).device_names
    load_manifest(bundle).model_copy(update={"target": target, "device_names": names}).save(bundle)
    write_sums(bundle)


# A machine whose driver calls its GPU so.
GPU = """
import ctypes, runpy, sys
class Driver:
    def cuInit(self, flags): return CODE
    def cuDeviceGet(self, place, number): return 0 if number == 1 else 101
    def cuDeviceGetName(self, name, size, place):
        name.value = b"CALLED"
        return 0
ctypes.CDLL = lambda name: Driver()
sys.argv = ["verify.py", "--device", "cuda:1"]
runpy.run_path(PATH, run_name="__main__")
"""


@pytest.mark.parametrize(("called", "code", "said"), [
    ("Tesla T4", 0, "'rtx3090' (NVIDIA GeForce RTX 3090), and 'cuda:1' is a Tesla T4"),
    # The right one, and one that does not tell: the next thing that is wrong is the runtime.
    ("NVIDIA GeForce RTX 3090", 0, "does not reach device 'cuda:1'"),
    ("Tesla T4", 3, "does not reach device 'cuda:1'"),
])
def test_another_gpu_than_the_target_gets_no_verdict(
    bundle: Path, called: str, code: int, said: str
) -> None:
    meant_for(bundle, "rtx3090")
    program = GPU.replace("CALLED", called).replace("CODE", str(code))
    done = subprocess.run(
        [sys.executable, "-c", program.replace("PATH", repr(str(bundle / "verify.py")))],
        capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_runtime_and_a_missing_device_are_one_line(bundle: Path) -> None:
    meant_for(bundle, "rtx3090")
    done = told(bundle, "--device", "cuda:7")
    assert done.returncode == 2
    assert "does not reach device 'cuda:7'" in done.stderr
    meant_for(bundle, "cpu")
    blocked = "import runpy, sys; sys.modules['onnxruntime'] = None; sys.argv = ['verify.py']"
    command = f"{blocked}; runpy.run_path({str(bundle / 'verify.py')!r}, run_name='__main__')"
    environment = {"PYTHONPATH": str(bundle), "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True,
                          check=False, env=environment)
    assert done.returncode == 2
    assert "this bundle needs numpy and onnxruntime" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("form", "package"), [
    ("onnx", "onnxruntime"), ("openvino", "openvino"), ("tensorrt-rtx", "tensorrt_rtx"),
    ("tensorrt", "tensorrt")])
def test_a_missing_package_is_one_line_before_anything_is_computed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], form: str, package: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("profiler.runtimes.tensorrt.TensorRt.available", lambda self: False)
    monkeypatch.setattr(write, "load_subject", None)
    load_result(run).model_copy(update={"target": "rtx3090"}).save(run)
    out = tmp_path / "out"
    assert call_main(monkeypatch, export.main, str(run), "--out", str(out), "--format", form) == 2
    error = capsys.readouterr().err
    assert package in error and "pip install" in error
    assert error.count("\n") == 1 and not out.exists()


def test_outputs_that_differ_fail_whatever_the_time(bundle: Path, run: Path) -> None:
    from tests.evolution.toys import write_flow_model

    write_flow_model(bundle / "model.onnx", 0.6, None)
    (bundle / "SHA256SUMS").unlink()
    write_sums(bundle)
    done = told(bundle, "--latency-ms", "1e6")
    assert done.returncode == 1
    assert "outputs differ by 0.2" in done.stdout


def test_a_model_that_cannot_be_executed_is_no_failed_budget(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(bundle / "golden.npz", allow_pickle=False) as file:
        golden = {name: value[..., :-1] if not name.endswith(":output") else value
                  for name, value in file.items()}
    np.savez_compressed(bundle / "golden.npz", **golden)
    write_sums(bundle)
    done = told(bundle)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be executed here" in done.stderr
    assert done.stderr.count("\n") == 1
    assert call_main(monkeypatch, verify.main, str(bundle)) == 2
    error = capsys.readouterr().err
    assert "cannot be executed here" in error and error.count("\n") == 1


def test_an_export_that_differs_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "load_subject", lambda path, data: toy_subject(path, gain=0.51))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"differs from PyTorch by 0\.02"):
        write.export_bundle(run, Choice(), tmp_path / "other")
    assert sorted(tmp_path.iterdir()) == before


def test_half_precision_states_its_tolerance(run: Path, tmp_path: Path) -> None:
    manifest = write.export_bundle(run, Choice(precision="fp16"), tmp_path / "half")
    assert manifest.expected.basis == "unknown"
    assert manifest.expected.latency_ms is None
    assert manifest.tolerance.measure == "mean"
    # Runtimes for processors compute with more bits; the limit comes from true roundings.
    assert 1e-3 <= manifest.tolerance.relative < 0.01
    assert "2 times the" in manifest.tolerance.reason


def test_evolution_verify_takes_a_bundle(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evolution.verify._MEASURE_SECONDS", 0.1)
    code = call_main(monkeypatch, verify.main, str(bundle), "--json")
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((bundle / "settled.json").read_text())
    assert said["verdict"] == ("PASS" if code == 0 else "FAIL")
    assert said["verdict"] == "PASS", said  # a subtraction within milliseconds
    assert said["difference"] < 1e-5
    check_sums(bundle)  # the bundle itself stays as it was
    (bundle / "model.onnx").write_bytes(b"")
    assert call_main(monkeypatch, verify.main, str(bundle)) == 2
    assert "'model.onnx' has not the checksum" in capsys.readouterr().err
    monkeypatch.setattr("profiler.device.resolve_device", lambda name: load_target("h200"))
    assert call_main(monkeypatch, verify.main, str(bundle), "--device", "cuda:0") == 2


@pytest.mark.parametrize(("options", "said"), [
    (["--format", "tflite"], "unknown format 'tflite'; known: onnx"),
    (["--precision", "bf16"], "bf16 is had with openvino"),
    (["--format", "torch", "--precision", "int8"], "not 'int8'; int8 is had with onnx"),
    (["--precision", "fp8"], "not 'fp8'"),
    (["--opset", "11"], "--opset 11 is not between 16 and 20"),
    (["--format", "tensorrt-rtx"], "is for GPUs, and 'cpu' is none"),
    (["--loop", "--precision", "int8"], "--loop goes with fp32"),
    (["--dynamic", "--precision", "fp16"], "--dynamic goes with"),
    (["--format", "torch", "--dynamic"], "has no ONNX graph"),
])  # fmt: skip
def test_wrong_choices_are_one_line_and_leave_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], options: list[str], said: str,
) -> None:
    out = tmp_path / "out"
    assert call_main(monkeypatch, export.main, str(run), "--out", str(out), *options) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_run_that_cannot_be_exported_leaves_no_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(path: Path, data: Path | None) -> None:
        raise UserError("its weights are missing")

    monkeypatch.setattr(write, "load_subject", missing)
    with pytest.raises(UserError, match="weights are missing"):
        write.export_bundle(run, Choice(), tmp_path / "deep" / "bundle")
    assert not (tmp_path / "deep").exists()


def test_wrong_places_are_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, export.main, str(tmp_path / "none")) == 2
    assert "holds no finished run" in capsys.readouterr().err
    assert call_main(monkeypatch, export.main, str(run), "--out", str(run)) == 2
    assert "exists; choose another --out" in capsys.readouterr().err


def test_the_command_tells_programs_what_it_made(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call_main(monkeypatch, export.main, str(run), "--out", str(out), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"bundle": str(out), **json.loads((out / "bundle.json").read_text())}
    # And people, in lines.
    assert call_main(monkeypatch, export.main, str(run), "--out", str(out), "--replace") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{out}: model.onnx in fp32 for cpu"
    assert lines[-1] == f"settle it on the device with: python {out}/verify.py"


def test_differences_of_other_shapes_or_no_numbers_are_infinite() -> None:
    one = np.ones((1, 2))
    assert difference("largest", np.ones((2, 1)), one) == float("inf")
    assert difference("mean", np.array([[1.0, np.nan]]), one) == float("inf")
    assert difference("mean", np.array([[1.0, 1.5]]), one) == pytest.approx(0.25)
    assert difference("largest", np.array([[1.0, 1.5]]), one) == pytest.approx(0.5)
