"""Rooms and floors: no import runs upward, and quick things stay quick."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Each room may import itself and these.
BELOW = {
    "luts": set(),
    "profiler": {"luts"},
    "supernet": {"luts"},
    "predictor": {"luts", "profiler"},
    "evolution": {"luts", "profiler", "predictor", "supernet"},
}
COMMANDS = [
    "profiler.build_lut", "profiler.compare", "profiler.doctor", "profiler.measure",
    "profiler.build_library", "predictor.estimate", "predictor.fit", "predictor.evaluate",
    "predictor.transfer", "supernet.train", "supernet.evaluate", "supernet.ship",
    "evolution.run", "evolution.report", "evolution.serve", "evolution.worker",
    "evolution.export", "evolution.verify", "evolution.prices", "evolution.cluster",
    "evolution.client",
]  # fmt: skip
HEAVY = ("torch", "xgboost", "tensorrt", "pyarrow")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found & set(BELOW)


@pytest.mark.parametrize("room", BELOW)
def test_no_import_runs_upward(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        upward = imported_rooms(path) - BELOW[room] - {room}
        assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("\n")[-2].split())


def test_importing_luts_and_profiler_loads_nothing_heavy():
    assert modules_after("import luts, profiler") == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_quick_and_has_examples(command):
    code = f"""
import contextlib, io, runpy
sys.argv = ['{command}', '--help']
with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
    runpy.run_module('{command}', run_name='__main__', alter_sys=True)
assert out.getvalue().count('python -m {command}') > 1, out.getvalue()
"""
    assert modules_after(code) == set()
