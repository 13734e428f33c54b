"""Classifiers are handed over by the same commands, from training to a verdict."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evolution import export, verify
from evolution.bundle.choice import Choice
from evolution.bundle.manifest import load_manifest
from evolution.bundle.standalone import pairs_of
from evolution.bundle.write import export_bundle
from evolution.folder import EXAMPLES
from evolution.result import load_result
from luts.errors import UserError
from tests.commands import assert_refused, call_main
from tests.evolution.bundle.toy_bundle import make_real_run
from tests.evolution.classifiers import FEW, searched, trained
from tests.supernet.images import write_folder
from tests.supernet.test_tasks import image_note

pytest.importorskip("onnxruntime")

RECIPE = "bn-nas-small"
SETTINGS = ["steps=2", "batch=4", "validation_images=20", "calibration_images=8", "precision=fp32"]
SMALL = ("bn-nas-small", "da-nas-small", "fbnetv2-f-small", "fbnetv2-f-fine-small",
         "fbnetv2-f-split-small", "fp-nas-darts-small", "parsec-chain-small", "parsec-darts-small")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    trained(RECIPE, folder, SETTINGS)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    folder = tmp_path_factory.mktemp("run") / "search"
    searched(RECIPE, folder, weights, FEW)
    return folder


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "out"
    export_bundle(run, Choice(), out)
    return out


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    """The bundle, to be changed."""
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose winner has random weights and norms that fit them."""
    return make_real_run(tmp_path_factory.mktemp("random") / "run", RECIPE, image_note(RECIPE))


def told(bundle: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(bundle / "verify.py"), "--seconds", "0.1", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_the_exported_file_has_the_errors_that_the_search_proved(run: Path, bundle: Path) -> None:
    manifest, check = load_manifest(bundle), load_result(run).rounds[-1].check
    assert manifest.objective == "error"
    assert manifest.checked.largest_difference <= 1e-4
    for name, value in check.onnx_metrics.items():
        assert manifest.checked.metrics[name] == pytest.approx(value, rel=1e-4)
        assert manifest.checked.torch_metrics[name] == pytest.approx(
            check.torch_metrics[name], rel=1e-4)
    assert manifest.expected.basis == "measured"


def test_it_says_what_goes_in_and_what_comes_out(bundle: Path) -> None:
    said = json.loads((bundle / "preprocessing.json").read_text())
    assert said["outputs"]["logits"]["classes"] == list("0123456789")
    with np.load(bundle / "golden.npz", allow_pickle=False) as file:
        pairs = pairs_of(dict(file))
    for inputs, output in pairs:
        assert list(inputs["image"].shape) == said["inputs"]["image"]["shape"]
        assert list(output.shape) == said["outputs"]["logits"]["shape"]
    terms = (bundle / "LICENCES.md").read_text()
    assert "image set 'digits'" in terms and "CC BY 4.0" in terms
    assert "Chen et al., BN-NAS" in terms
    assert not any(word in terms for word in ("RAFT", "FlowNAS", "{", "}"))


def test_the_script_settles_it(bundle: Path) -> None:
    passed = told(bundle, "--latency-ms", "1e6")
    assert passed.returncode == 0, passed.stderr
    assert passed.stdout.startswith("PASS: ")
    failed = told(bundle, "--latency-ms", "1e-6")
    assert (failed.returncode, failed.stdout[:4]) == (1, "FAIL")


def test_tampering_is_one_line(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = bytearray((copy / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (copy / "model.onnx").write_bytes(model)
    assert_refused(told(copy), "'model.onnx' has not the checksum")
    assert call_main(monkeypatch, verify.main, str(copy)) == 2
    assert "'model.onnx' has not the checksum" in capsys.readouterr().err


def test_evolution_verify_measures_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evolution.verify._MEASURE_SECONDS", 0.1)
    code = call_main(monkeypatch, verify.main, str(copy), "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == ("PASS" if code == 0 else "FAIL")
    assert said["difference"] <= load_manifest(copy).tolerance.relative


@pytest.mark.parametrize(("options", "said"), [
    (["--loop"], "--loop: networks of classification have no updates"),
    (["--dynamic"], "--dynamic: networks of classification are for images of one size"),
    (["--data", "/nowhere"], "no image set '/nowhere'"),
])  # fmt: skip
def test_what_it_has_not_is_one_line_and_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], options: list[str], said: str,
) -> None:
    out = str(tmp_path / "out")
    assert call_main(monkeypatch, export.main, str(run), "--out", out, *options) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_another_point_has_its_images_too(
    run: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call_main(monkeypatch, export.main, str(run), "--point", "2", "--weights", str(weights),
                "--out", str(tmp_path / "out")) == 0
    manifest = load_manifest(tmp_path / "out")
    assert not manifest.verified and set(manifest.checked.metrics) == {"error", "error_top5",
                                                                       "loss"}


def test_a_point_of_a_run_with_weights_of_its_own_wants_them(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, export.main, str(run), "--point", "2", "--out",
                str(tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert "no weights of the supernet" in error
    assert "the training that the run used with --weights" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_run_that_did_not_keep_its_images_says_so(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / EXAMPLES).unlink()
    with pytest.raises(UserError, match="kept no note of the images"):
        export_bundle(copy, Choice(), tmp_path / "out")


@pytest.mark.parametrize("choice", [
    Choice(precision="fp16"), Choice(precision="int8"), Choice("torch"), Choice("torch", "bf16"),
    Choice("openvino"), Choice("openvino", "fp16"), Choice("openvino", "int8"),
], ids=lambda choice: f"{choice.format}-{choice.precision}")
def test_every_form_is_like_pytorch(random: Path, tmp_path: Path, choice: Choice) -> None:
    pytest.importorskip(choice.runtime)
    manifest = export_bundle(random, choice, tmp_path / "bundle")
    assert load_manifest(tmp_path / "bundle") == manifest
    if choice.precision == "fp32":
        assert manifest.checked.largest_difference <= 1e-4
    else:
        assert 0 < manifest.checked.mean_difference < 0.5
        assert manifest.tolerance.measure == "mean"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("recipe", [*SMALL, "nasbench-macro"])
def test_every_recipe_can_be_handed_over(tmp_path: Path, recipe: str, precision: str) -> None:
    place = write_folder(tmp_path / "own", each=40) if recipe == "nasbench-macro" else None
    run = make_real_run(tmp_path / "run", recipe, image_note(recipe, place))
    manifest = export_bundle(run, Choice(precision=precision), tmp_path / "bundle")
    if precision == "fp32":
        assert manifest.checked.metrics == pytest.approx(manifest.checked.torch_metrics, rel=1e-3)
    assert told(tmp_path / "bundle", "--latency-ms", "1e6").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8"])
@pytest.mark.parametrize("recipe", ["bn-nas-small", "fbnetv2-f-split-small", "parsec-darts-small"])
def test_engines_are_built_in_every_precision(
    tmp_path: Path, recipe: str, precision: str
) -> None:
    pytest.importorskip("tensorrt_rtx")
    run = make_real_run(tmp_path / "run", recipe, image_note(recipe))
    load_result(run).model_copy(update={"target": "rtx3090"}).save(run)
    manifest = export_bundle(run, Choice("tensorrt-rtx", precision), tmp_path / "bundle")
    assert manifest.model.compute_capability == "8.6"
    assert "compute capability 8.6" in manifest.model.parsed_back
