"""One command for each kind of job, with the options of the command that carries it out."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from evolution.service.jobs.kinds import KINDS, Parameters

# Submits a kind with its parameters and model; returns the exit code.
Submit = Callable[..., int]
_MODEL = "model"


def kind_commands(submit: Submit) -> Mapping[str, Callable[..., int]]:
    """Functions that submit a job of each kind, as Typer takes them.

    Options are those of the job's parameters, and beside them those of ``submit`` that are not
    ``kind``, ``parameters`` or ``model``. What is not given is left to the server, which also
    judges what is.

    Args:
        submit: called with ``kind``, ``parameters`` as ``NAME=VALUE``, ``model``, and its own
            options by name.
    """
    return {kind: _command(kind, KINDS[kind], submit) for kind in KINDS}


def _command(kind: str, fields: type[Parameters], submit: Submit) -> Callable[..., int]:
    own = {name: parameter for name, parameter in
           inspect.signature(submit, eval_str=True).parameters.items()
           if name not in ("kind", "parameters", "model")}
    described = {name: field for name, field in fields.model_fields.items() if name != "kind"}

    def command(**given: Any) -> int:
        pairs = [pair for name in described if name != _MODEL
                 for pair in _pairs(name, given.pop(name))]
        return submit(kind=kind, parameters=pairs, model=given.pop(_MODEL, None), **given)

    parameters = [_option(name, field) for name, field in described.items()]
    parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own.values()]
    # Typer reads both.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__ = f"{(fields.__doc__ or '').partition(':')[0]}; prints the job's number."
    return command


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    flag, about = f"--{name.replace('_', '-')}", field.description or ""
    default: Any = inspect.Parameter.empty if field.is_required() else None
    annotation: Any
    if name == _MODEL:
        annotation = Annotated[Path, typer.Argument(help="ONNX file, which is uploaded.")]
    elif _holds(field.annotation, bool):
        annotation, default = Annotated[bool, typer.Option(flag, help=about)], False
    elif _holds(field.annotation, list):
        annotation = Annotated[list[str] | None, typer.Option(flag, help=about)]
        default = None
    else:
        usual = "" if field.is_required() or field.default is None else f" [{field.default}]"
        annotation = Annotated[str | None, typer.Option(flag, help=f"{about}{usual}".strip())]
        if field.is_required():
            annotation = Annotated[str, typer.Option(flag, help=about)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default,
                             annotation=annotation)


def _holds(annotation: Any, wanted: type) -> bool:
    """Whether an annotation is a type, or an optional one, whatever is noted beside it."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(_holds(part, wanted) for part in get_args(annotation))
    if origin is Annotated:
        return _holds(get_args(annotation)[0], wanted)
    return annotation is wanted or origin is wanted


def _pairs(name: str, value: Any) -> list[str]:
    if value is None or value is False or value == []:
        return []
    if value is True:
        return [f"{name}=true"]
    if isinstance(value, list):
        return [f"{name}={json.dumps(value)}"]
    return [f"{name}={value}"]
