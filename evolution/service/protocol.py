"""What workers and the server say to each other, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evolution.service.errors import ServiceError
from evolution.service.jobs.fields import Name
from evolution.service.paths import safe_path

_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Fence = Annotated[int, Field(ge=0, le=2**31 - 1, examples=[8])]
# Printable, so that every database takes it; and bounded.
_Line = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]
_DEPTH, _ITEMS = 6, 5000


class Message(BaseModel):
    """A message."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Registration(Message):
    """A worker says what it is."""

    key: str = Field(pattern="^[0-9a-f]{64}$")
    machine: Name
    device: str = Field(pattern="^(cpu|cuda:[0-9]{1,3})$", examples=["cuda:0"])
    target: Name
    info: dict[str, Any] = Field(default={}, max_length=50)
    version: Name

    @model_validator(mode="after")
    def _bounded(self) -> Registration:
        check_plain(self.info)
        return self


class Registered(Message):
    """The server's answer; `lease_s` and `poll_s` are seconds."""

    worker: int = Field(examples=[2])
    lease_s: float = Field(examples=[60.0])
    poll_s: float = Field(examples=[2.0])


class InputFile(Message):
    """A file that a job starts from; `path` is where it belongs in the job's folder."""

    path: str
    sha256: str
    size_bytes: int


class Source(Message):
    """A resource that a job starts from, and the folder that it lies in."""

    resource: int
    kind: str
    place: str


class LeaseMessage(Message):
    """A job for a worker; see `evolution.service.queue.records.Leased`."""

    lease: int = Field(examples=[21])
    fence: int = Field(examples=[8])
    lease_s: float = Field(examples=[60.0])
    job: int = Field(examples=[3])
    kind: str = Field(examples=["search"])
    parameters: dict[str, Any]
    attempt: int
    sources: list[Source]
    inputs: list[InputFile]


class Heartbeat(Message):
    """What happened since the last one; lines are numbered within the lease."""

    fence: _Fence
    lines: list[tuple[_Count, _Line]] = Field(default=[], max_length=500,
                                              examples=[[[0, "12 of 90 networks"]]])
    done: _Count | None = None
    total: _Count | None = None


class Alive(Message):
    """The server's answer to a heartbeat."""

    cancel: bool = Field(examples=[False])


class HandedFile(Message):
    """A file that is kept; its bytes were sent before."""

    path: str
    sha256: _Digest
    size_bytes: Annotated[int, Field(ge=0, le=2**62)]

    @model_validator(mode="after")
    def _safe(self) -> HandedFile:
        try:
            safe_path(self.path)
        except ServiceError as error:
            raise ValueError(str(error)) from None
        return self


class MadeResource(Message):
    """A resource among the files; see `evolution.service.queue.records.Made`."""

    kind: Literal["table", "predictor", "library", "training", "run"]
    target: Name | Literal[""]
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
    info: dict[str, Any] = {}
    root: str

    @model_validator(mode="after")
    def _bounded(self) -> MadeResource:
        check_plain(self.info)
        return self


class Finish(Message):
    """A job's end."""

    fence: _Fence
    outcome: Literal["done", "failed", "cancelled"]
    message: _Line = ""
    files: list[HandedFile] = Field(default=[], max_length=_ITEMS)
    made: list[MadeResource] = Field(default=[], max_length=20)
    summary: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _apart(self) -> Finish:
        if len({file.path for file in self.files}) < len(self.files):
            raise ValueError("a path occurs twice among the files")
        check_plain(self.summary or {})
        return self


class Released(Message):
    """A worker gives a job back."""

    fence: _Fence


def check_plain(value: Any, depth: int = _DEPTH) -> None:
    """Refuses what a database might not take: deep nesting, NaN, odd characters.

    Raises:
        ValueError: there is something of the kind.
    """
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            check_plain(key, depth - 1)
            check_plain(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            check_plain(item, depth - 1)
    elif isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a text holds characters that cannot be kept")
    elif isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError("a number is not finite")
    elif isinstance(value, int) and abs(value) > 2**62:
        raise ValueError("a number is too large")
