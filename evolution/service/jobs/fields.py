"""Fields that parameters of several kinds of job have; wrong texts are answered with sound ones."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Name = Annotated[str, Field(pattern=NAME)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Threads = Annotated[int, Field(ge=1, le=1024)]
Finite = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
# What `evolution.budget` reads, without what stands before a number.
_NUMBER = r"[0-9]{1,12}(\.[0-9]{1,9})?"
_SHAPE = r"^[A-Za-z0-9_./-]{1,100}:[0-9]{1,9}(x[0-9]{1,9}){0,7}$"
_BUDGET, _RANGE = rf"^{_NUMBER}(%|ms)$", rf"^{_NUMBER}(%|ms)\.\.{_NUMBER}(%|ms)$"
_MEMORY, _ENERGY = rf"^{_NUMBER}(%|MiB|mib)?$", rf"^{_NUMBER}(%|mJ|mj)?$"
_COUNT = rf"^{_NUMBER}[%kKmMgG]?$"
_HALVING = r"^(off|[0-9]{1,6}(:[01]?\.[0-9]{1,6})?)$"
_STRATEGY = r"^[a-z0-9-]{1,40}(:[a-z0-9-]{1,40})?$"


def _such_as(pattern: str, examples: str) -> BeforeValidator:
    """Looks at a text before pydantic does, whose message would be the pattern."""
    def check(given: Any) -> Any:
        if isinstance(given, str) and not re.fullmatch(pattern, given):
            # Printable, whatever was sent.
            raise ValueError(f"{given[:80]!a} must be such as {examples}")
        return given

    return BeforeValidator(check)


Shape = Annotated[str, Field(pattern=_SHAPE), _such_as(_SHAPE, "image:1x3x224x224")]
Budget = Annotated[str, Field(pattern=_BUDGET), _such_as(_BUDGET, "80% or 45ms")]
Range = Annotated[str, Field(pattern=_RANGE), _such_as(_RANGE, "50%..120% or 40ms..80ms")]
Memory = Annotated[str, Field(pattern=_MEMORY, examples=["80%"]),
                   _such_as(_MEMORY, "20, 20MiB or 80%")]
Count = Annotated[str, Field(pattern=_COUNT, examples=["600k"]), _such_as(_COUNT, "600k or 80%")]
Energy = Annotated[str, Field(pattern=_ENERGY, examples=["80%"]),
                   _such_as(_ENERGY, "250, 250mJ or 80%")]
Halving = Annotated[str, Field(pattern=_HALVING), _such_as(_HALVING, "2, 2:0.3 or off")]
Chosen = Annotated[str, Field(pattern=_STRATEGY), _such_as(_STRATEGY, "joint or evolution:flownas")]
