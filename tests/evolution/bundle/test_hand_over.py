"""Real networks, in every format that is installed; settled in an environment that is bare."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import venv
from pathlib import Path

import pytest

from evolution.bundle.choice import Choice
from evolution.bundle.manifest import load_manifest
from evolution.bundle.write import export_bundle
from luts.errors import CorruptFileError, UserError
from tests.evolution.bundle.toy_bundle import make_real_run

pytestmark = pytest.mark.slow
ort = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_real_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with onnxruntime and numpy, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    place = next(folder.glob("lib*/python*/site-packages"))
    for name in ("onnxruntime", "numpy"):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        source = Path(spec.origin).parent
        for path in (source, source.with_name(f"{name}.libs")):
            if path.exists():
                (place / path.name).symlink_to(path)
    return folder / "bin" / "python"


def told(python: Path, bundle: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-I", str(bundle / "verify.py"), "--seconds", "1", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_in_a_bare_environment_it_passes_at_the_budget_and_fails_at_half(
    run: Path, bare: Path, tmp_path: Path
) -> None:
    export_bundle(run, Choice(), tmp_path / "bundle")
    assert subprocess.run([bare, "-c", "import torch"], capture_output=True,
                          check=False).returncode == 1
    first = told(bare, tmp_path / "bundle", "--latency-ms", "1e6")
    assert first.returncode == 0, first.stderr
    found = re.match(r"PASS: ([0-9.]+) ms", first.stdout)
    assert found is not None
    # What this machine needs, and room for what else runs on it.
    budget_ms = 1.5 * float(found[1])
    passed = told(bare, tmp_path / "bundle", "--latency-ms", str(budget_ms))
    assert (passed.returncode, passed.stdout[:4]) == (0, "PASS"), passed.stdout
    failed = told(bare, tmp_path / "bundle", "--latency-ms", str(budget_ms / 2))
    assert (failed.returncode, failed.stdout[:4]) == (1, "FAIL"), failed.stdout


@pytest.mark.parametrize("choice", [
    Choice(precision="fp16"), Choice(precision="int8"), Choice(loop=True), Choice(dynamic=True),
    Choice(opset=20), Choice("torch"), Choice("torch", "bf16"), Choice("openvino"),
    Choice("openvino", "int8"),
], ids=lambda choice: f"{choice.format}-{choice.precision}-{choice.opset}-"
                      f"{choice.loop}-{choice.dynamic}")  # fmt: skip
def test_every_form_agrees_with_pytorch(run: Path, tmp_path: Path, choice: Choice) -> None:
    if importlib.util.find_spec(choice.runtime) is None:
        pytest.skip(f"{choice.runtime} is not installed")
    manifest = export_bundle(run, choice, tmp_path / "bundle")
    assert load_manifest(tmp_path / "bundle") == manifest
    if choice.precision == "fp32":
        assert manifest.checked.largest_difference <= 1e-4
        for name, value in manifest.checked.torch_metrics.items():
            assert manifest.checked.metrics[name] == pytest.approx(value, rel=1e-3)
    else:
        assert manifest.tolerance.measure == "mean"
        assert 0 < manifest.checked.mean_difference < 1


def test_weights_of_another_network_leave_nothing(run: Path, tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(run, other)
    (other / "best.safetensors").write_bytes((run / "best.safetensors").read_bytes()[:-8])
    with pytest.raises(CorruptFileError, match="holds no weights of this run"):
        export_bundle(other, Choice(), tmp_path / "bundle")
    (other / "best.safetensors").unlink()
    with pytest.raises(UserError, match="copy the whole run"):
        export_bundle(other, Choice(), tmp_path / "bundle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_engines_are_refused_for_processors(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is for GPUs"):
        export_bundle(run, Choice("tensorrt-rtx"), tmp_path / "bundle")


