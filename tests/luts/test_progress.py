from __future__ import annotations

import pytest

from luts import progress


def test_lines_where_nobody_looks_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 1.0, 20.0, 21.0, 30.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.counted("measuring", 4) as advance:
        for _ in range(4):
            advance()
    said = capsys.readouterr().err.splitlines()
    assert said == ["measuring: 2 of 4, 20 s left", "measuring: 4 of 4, 0 s left"]


def test_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress.counted("measuring", 2) as advance:
        advance()
        advance()
    assert "2/2" in capsys.readouterr().err
