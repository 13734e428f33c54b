from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from luts.errors import UserError
from luts.paths import ROOT_VARIABLE
from predictor import evaluate, fit
from predictor.load import load_predictor, load_space_and_table, predictor_folder
from predictor.network import NetworkPredictor
from profiler.lock import _process as lock_process
from tests.commands import call_main
from tests.fakes import FakeSpace
from tests.predictor.tables import distinct, kernel_correction, make_table, sums_ms

SPACE = FakeSpace(cells=3)
VECTORS = distinct(SPACE, 60, seed=1)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty root of tables, and a recipe ``fake``."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "tables"))
    monkeypatch.setattr("predictor.load.load_space", lambda name: SPACE)
    return tmp_path


@pytest.fixture
def measured(shelf: Path) -> Path:
    table = make_table(SPACE, VECTORS, factor=kernel_correction, noise=0.01)
    folder = predictor_folder(table)
    table.save(folder.parent)
    return folder


@pytest.fixture
def fitted(measured: Path) -> Path:
    space, table = load_space_and_table("cpu", "fake")
    NetworkPredictor.fit(space, table).save(measured)
    return measured


FAKE = ("--target", "cpu", "--recipe", "fake")


def test_fit_saves_what_load_finds(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, fit.main, *FAKE, "--level", "0.9", "--seed", "7") == 0
    predictor = load_predictor("cpu", "fake")
    assert isinstance(predictor, NetworkPredictor)
    assert predictor.level == 0.9
    assert predictor.record.seed == 7
    shown = capsys.readouterr().out
    assert "60, of which 60" in shown
    assert predictor.table_identity[:12] in shown


def test_evaluate_prints_the_figures(
    fitted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The measurement is replaced by the truth, known from the exported graph's place."""
    class Truth:
        def __init__(self, median_ms: float, *, disturbed: bool) -> None:
            self.median_ms = median_ms
            self.pace_ms = None
            self.disturbed = disturbed

    exported: dict[Path, float] = {}
    measured: list[Path] = []
    crowded = False
    monkeypatch.chdir(fitted.parent.parent)

    def export(self: FakeSpace, architecture: object, path: Path) -> None:
        path.write_text("a model")
        if architecture is None:
            exported[path] = 1.1 * load_predictor("cpu", "fake").predict_reference()[0]
            return
        vector = self.encode(architecture)[None]  # type: ignore[arg-type]
        exported[path] = float((sums_ms(self, vector) * kernel_correction(vector)).item())

    def measure(
        path: Path, *, target: str, threads: int, precision: str, min_samples: int,
        max_seconds: float,
    ) -> Truth:
        assert (target, threads, precision) == ("cpu", 1, "fp32")
        assert (min_samples, max_seconds) == (12, 2.5)
        assert "cpu" in lock_process.held
        measured.append(path)
        if len(measured) == 7:
            raise KeyboardInterrupt
        busy = len(measured) in (10, 11) or crowded
        return Truth(exported[path] * (1.5 if busy else 1.0), disturbed=busy)

    monkeypatch.setattr(FakeSpace, "export_onnx", export)
    monkeypatch.setattr("profiler.timing.measure_model", measure)
    out = fitted.parent.parent / "pairs" / "raw.json"
    page = out.with_name("page.html")
    arguments = (*FAKE, "--samples", "20", "--json", "--out", str(out), "--html", str(page))
    assert call_main(monkeypatch, evaluate.main, *arguments) == 130
    assert call_main(monkeypatch, evaluate.main, *arguments) == 2
    assert "holds 6 measurements that were broken off; continue with --resume" in (
        capsys.readouterr().err)
    assert call_main(monkeypatch, evaluate.main, *arguments, "--resume") == 0
    # Twenty networks, five of them twice, the reference three times, the one interrupted, and one
    # that was disturbed twice.
    assert len(measured) == 20 + 5 + 3 + 1 + 2
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert "takes +10.0% against the table" in captured.err
    assert figures["disturbed"] == 0
    assert "busy" not in captured.err
    assert figures["machine_shift"] == pytest.approx(0.1)
    assert figures["n"] == 20
    assert figures["mape"] < 0.02
    assert figures["within_5"] == figures["within_10"] == 1.0
    assert figures["coverage"] > 0.9
    assert figures["noise"] == 0.0
    assert "20 fresh architectures of fake" in page.read_text()
    pairs = json.loads(out.read_text())["networks"]
    assert len(pairs) == 20
    known = {tuple(v) for v in VECTORS.tolist()}
    assert not known & {tuple(pair["vector"]) for pair in pairs}
    assert call_main(monkeypatch, evaluate.main, *FAKE, "--samples", "5") == 0
    assert "mean absolute error" in capsys.readouterr().out
    crowded, before = True, len(measured)
    assert call_main(monkeypatch, evaluate.main, *FAKE, "--samples", "5") == 0
    sessions = 5 + 2 + 2
    assert len(measured) == before + 3 * sessions
    assert f"busy beside {sessions} of {sessions} sessions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target", "abacus"), ["abacus", "cpu"]),
        (("--target", "cpu", "--threads", "3"), ["no latency table", "--threads 3"]),
        (("--target", "cpu", "--threads", "0"), ["--threads"]),
        (("--target", "cpu", "--recipe", "../x"), ["'../x'"]),
        ((), ["--target"]),
    ],
)
@pytest.mark.parametrize("main", [fit.main, evaluate.main])
@pytest.mark.usefixtures("shelf")
def test_wrong_input_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: object,
    arguments: tuple[str, ...],
    words: list[str],
) -> None:
    assert call_main(monkeypatch, main, *arguments) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert all(word in captured.err for word in words), captured.err


@pytest.mark.parametrize("level", ["0", "1", "-3", "nan"])
def test_wrong_levels_are_one_line(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    assert call_main(monkeypatch, fit.main, *FAKE, "--level", level) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not measured.exists()


def test_unknown_recipes_are_named() -> None:
    with pytest.raises(UserError, match=r"unknown recipe 'nosuch'.*flownas-small"):
        load_predictor("cpu", "nosuch")


def test_a_table_without_predictor_names_the_command(measured: Path) -> None:
    with pytest.raises(UserError, match=r"python -m predictor\.fit --target cpu --recipe fake"):
        load_predictor("cpu", "fake")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kind": "network"}', '{"kind": "crystal"}'])
def test_a_damaged_predictor_is_one_line(
    fitted: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str,
) -> None:
    (fitted / "predictor.json").write_text(content)
    assert call_main(monkeypatch, evaluate.main, *FAKE) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_predictor_of_an_older_table_is_refused(fitted: Path) -> None:
    make_table(SPACE, VECTORS, noise=0.02, seed=9).save(fitted.parent)
    with pytest.raises(UserError, match=r"fitted to table .*predictor\.fit"):
        load_predictor("cpu", "fake")


@pytest.mark.parametrize("module", ["predictor.fit", "predictor.evaluate"])
def test_help_loads_nothing_heavy(module: str) -> None:
    program = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        "try:\n"
        f"    runpy.run_module('{module}', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    heavy = {'torch', 'xgboost', 'onnxruntime', 'pyarrow', 'scipy'} & set(sys.modules)\n"
        "    sys.exit(str(heavy) if heavy else end.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--target" in done.stdout
