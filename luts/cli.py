"""What the command line programs share: one-line errors, exit codes, Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import typer

from luts.errors import UserError

INTERRUPTED = 130
_LOST = "nothing was kept"
_RESUMED = "what was done is kept, --resume goes on from there"
_REPEATED = "what was done is kept, the same call goes on from there"
_CONTEXT = {"help_option_names": ["-h", "--help"]}

# Typer carries its own copy of click, whose exceptions are reached through what Typer exports.
_CommandLineError: type[Exception] = next(
    c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException"
)


def run(
    command: Callable[..., Any], *, resumable: bool = False, repeatable: bool = False
) -> NoReturn:
    """Runs a function as a Typer command; wrong input ends in one line and exit code 2.

    Args:
        command: a function with Typer parameters; an integer that it returns is the exit code.
        resumable: whether it has ``--resume`` and keeps what was done when it is interrupted.
        repeatable: whether it keeps that and goes on by itself when it is called again.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(context_settings=_CONTEXT)(command)
    _run(app, kept=_RESUMED if resumable else _REPEATED if repeatable else None)


def run_all(
    commands: Mapping[str, Callable[..., Any]], about: str, interrupted: str = _LOST
) -> NoReturn:
    """Runs one of several functions, each a subcommand; see `run`.

    Args:
        commands: name to function.
        about: what they are for.
        interrupted: what becomes of what was begun when one is interrupted.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", help=about,
                      no_args_is_help=True, context_settings=_CONTEXT)
    for name, command in commands.items():
        app.command(name, context_settings=_CONTEXT)(command)
    _run(app, lost=interrupted)


def _run(app: typer.Typer, *, kept: str | None = None, lost: str = _LOST) -> NoReturn:
    program = sys.modules["__main__"].__spec__
    name = f"python -m {program.name}" if program is not None else None
    command = typer.main.get_command(app)
    _keep_brackets(command)
    try:
        code = command(prog_name=name, standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except OSError as error:
        # A full disk or a vanished folder is no defect of the program.
        if error.strerror is None:
            raise
        place = f" '{error.filename}'" if error.filename else ""
        _fail(f"{error.strerror}{place}; what was done before is kept" if kept else
              f"{error.strerror}{place}")
    except _CommandLineError as error:
        _fail(error.format_message() + _given(error))  # type: ignore[attr-defined]
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    if code == INTERRUPTED:  # Typer itself turns Ctrl-C into this code
        print(f"interrupted; {kept or lost}", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _keep_brackets(command: Any) -> None:
    """Keeps ``[all]`` in help texts, which would be read as a style and left out."""
    from rich.markup import escape

    for part in (command, *command.params):
        if getattr(part, "help", None):
            part.help = escape(part.help)
    for below in getattr(command, "commands", {}).values():
        _keep_brackets(below)


def _given(error: Exception) -> str:
    """What was given in place of a sound value, where Typer's message leaves it out."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return ""
    given = f"'{error.__cause__.errors()[0]['input']}'"
    return "" if given in str(error) else f", not {given}"


def _fail(message: str) -> NoReturn:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
