"""The Target: what is known of a device before anything is measured on it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from luts.errors import CorruptFileError, UnknownNameError
from luts.operator import DTYPE_BYTES

_FOLDER = Path(__file__).parent / "targets"


class Target(BaseModel):
    """Data sheet facts of one kind of device.

    Facts of a GPU are None for the CPU, whose identity is read when it is measured.

    Attributes:
        name: such as ``rtx3090``.
        title: the device in words.
        kind: ``cpu`` or ``gpu``.
        device_names: names under which the driver reports it.
        runtimes: runtimes that can serve it, best first.
        precisions: precisions that its hardware runs.
        shipped: whether a measured table comes with the package.
        compute_capability: CUDA compute capability, such as ``8.6``.
        multiprocessors: number of streaming multiprocessors.
        boost_clock_mhz: boost clock of the data sheet.
        memory_gb: device memory.
        memory_bandwidth_gb_s: peak bandwidth of the device memory, 10^9 bytes per second.
        l2_mb: L2 cache.
        shared_memory_per_multiprocessor_kb: largest shared memory of one multiprocessor.
        power_limit_w: board power.
        peak_tflops: precision to peak rate, dense, 10^12 operations per second.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    kind: Literal["cpu", "gpu"]
    device_names: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = Field(min_length=1)
    precisions: tuple[str, ...] = Field(min_length=1)
    shipped: bool = False
    compute_capability: str | None = Field(default=None, pattern=r"^\d+\.\d+$")
    multiprocessors: int | None = Field(default=None, gt=0)
    boost_clock_mhz: int | None = Field(default=None, gt=0)
    memory_gb: float | None = Field(default=None, gt=0)
    memory_bandwidth_gb_s: float | None = Field(default=None, gt=0)
    l2_mb: float | None = Field(default=None, gt=0)
    shared_memory_per_multiprocessor_kb: int | None = Field(default=None, gt=0)
    power_limit_w: int | None = Field(default=None, gt=0)
    peak_tflops: dict[str, float] = {}

    @model_validator(mode="after")
    def _check(self) -> Target:
        unknown = set(self.precisions) - set(DTYPE_BYTES) | set(self.peak_tflops) - set(DTYPE_BYTES)
        if unknown:
            raise ValueError(f"unknown precisions {sorted(unknown)}")
        if self.kind == "gpu":
            facts = self.model_dump()
            missing = [name for name, value in facts.items() if value is None]
            missing += [f"peak_tflops.{p}" for p in self.precisions if p not in self.peak_tflops]
            if missing:
                raise ValueError(f"a GPU needs {', '.join(missing)}")
        return self


def target_names() -> list[str]:
    """All targets that the package describes, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@cache
def load_target(name: str) -> Target:
    """Reads a target's facts.

    Args:
        name: such as ``cpu``.

    Raises:
        UnknownNameError: no target has that name.
        CorruptFileError: its file does not hold what a target needs.
    """
    if name not in target_names():
        raise UnknownNameError("target", name, target_names())
    path = _FOLDER / f"{name}.toml"
    try:
        return Target.model_validate(tomllib.loads(path.read_text()))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise CorruptFileError(f"{path} does not describe a target ({error})") from None
