from __future__ import annotations

import enum
import errno
import os
from typing import Annotated

import pytest
import typer

from luts import cli


class Which(enum.StrEnum):
    one = "one"


def _run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: OSError,
         *, resumable: bool = True) -> tuple[object, str]:
    def main() -> None:
        raise error

    monkeypatch.setattr("sys.argv", ["program"])
    with pytest.raises(SystemExit) as ended:
        cli.run(main, resumable=resumable)
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(("promised", "words"), [
    ({"resumable": True}, "what was done is kept, --resume goes on from there"),
    ({"repeatable": True}, "what was done is kept, the same call goes on from there"),
    ({}, "nothing was kept"),
])
def test_an_interrupt_promises_no_more_than_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    promised: dict[str, bool], words: str,
) -> None:
    def main() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["program"])
    with pytest.raises(SystemExit) as ended:
        cli.run(main, **promised)
    assert ended.value.code == cli.INTERRUPTED
    assert words in capsys.readouterr().err


def test_an_interrupted_command_of_several_says_what_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def follow() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["program", "follow"])
    with pytest.raises(SystemExit) as ended:
        cli.run_all({"follow": follow, "other": follow}, "", interrupted="jobs go on")
    assert ended.value.code == cli.INTERRUPTED
    assert capsys.readouterr().err == "interrupted; jobs go on\n"


@pytest.mark.parametrize(("given", "said"), [
    (["--which", "that"], "'that' is not one of 'one'"), (["--count", "x"], "not 'x'"),
])
def test_a_wrong_value_is_repeated_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: list[str],
    said: str,
) -> None:
    def main(which: Annotated[Which, typer.Option()] = Which.one, count: int = 0) -> None:
        raise AssertionError

    monkeypatch.setattr("sys.argv", ["program", *given])
    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    printed = capsys.readouterr().err
    assert ended.value.code == 2 and said in printed
    assert printed.count(f"'{given[1]}'") == 1


def test_full_disk_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "table/journal.jsonl")
    code, said = _run(capsys, monkeypatch, full)
    assert code == 2
    assert said == ("error: No space left on device 'table/journal.jsonl'; what was done before "
                    "is kept\n")
    _, said = _run(capsys, monkeypatch, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
                   resumable=False)
    assert said == "error: No space left on device\n"


@pytest.mark.parametrize(("given", "said"), [
    ("-1", "greater than or equal to 0, not '-1'"), ("many", "not 'many'"), ("nan", "not 'nan'")])
def test_a_wrong_value_is_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    def main(*, seed: Annotated[int, typer.Option(min=0)] = 0) -> None:
        raise AssertionError(seed)

    monkeypatch.setattr("sys.argv", ["program", "--seed", given])
    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    line = capsys.readouterr().err
    assert ended.value.code == 2
    assert line.startswith("error: Invalid value for '--seed': ") and line.endswith(f"{said}\n")


def test_other_errors_of_the_system_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("a library's own words")

    monkeypatch.setattr("sys.argv", ["program"])
    with pytest.raises(OSError, match="a library's own words"):
        cli.run(broken)


def test_brackets_of_help_texts_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def main(stage: Annotated[str, typer.Option(help="Stage [all of them].")] = "") -> None:
        """Does it, with --set taps=[a]."""

    monkeypatch.setattr("sys.argv", ["program", "--help"])
    for go in (lambda: cli.run(main), lambda: cli.run_all({"main": main, "other": main}, "")):
        with pytest.raises(SystemExit):
            go()
        monkeypatch.setattr("sys.argv", ["program", "main", "--help"])
        said = capsys.readouterr().out
        assert "[all of them]" in said and "taps=[a]" in said
