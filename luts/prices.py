"""What architectures use of limits, as sums over a space's factors, in one JSON file.

A search knows what keeps a latency or a memory on a target; a training need not. It reads these
sums, made by `evolution.prices`, wherever it runs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from luts.errors import CorruptFileError, UserError
from luts.files import read_json, write_json
from luts.fingerprint import space_hash
from luts.space import OperatorSpace, Vectors

FORMAT = "metronas-prices-1"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Price:
    """One limit.

    Attributes:
        limit: in words, such as ``4.2 ms on 'cpu'``.
        rest: share of the limit that every architecture uses.
        rows: per factor of the space, the share that each of its rows adds.
        error: largest difference of the sum from the share itself that was seen.
    """

    limit: str
    rest: float
    rows: tuple[tuple[float, ...], ...]
    error: float


@dataclass(frozen=True, slots=True)
class Prices:
    """Limits of a space.

    Attributes:
        space: its name.
        space_sha256: digest of its decisions and operators.
        limits: what is priced.
    """

    space: str
    space_sha256: str
    limits: tuple[Price, ...]

    def shares(self, space: OperatorSpace, vectors: Vectors) -> Floats:
        """Share of each limit that architectures use, 1 for all of it.

        Args:
            space: the space that the prices are of.
            vectors: index vectors, shape ``(count, decisions)``.

        Returns:
            Shape ``(limits, count)``.
        """
        rows = [space.factor_rows(factor, vectors) for factor in space.factors]
        return np.stack([
            limit.rest + sum(np.asarray(values)[row]
                             for values, row in zip(limit.rows, rows, strict=True))
            for limit in self.limits
        ])

    def save(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        write_json(path, {"format": FORMAT, **asdict(self)})

    @classmethod
    def load(cls, path: Path, space: OperatorSpace) -> Self:
        """Reads a file and checks that it is of a space.

        Raises:
            UserError: there is none, or it is of another space.
            CorruptFileError: it is no such file.
        """
        held: dict[str, Any] = read_json(path)
        try:
            if held["format"] != FORMAT:
                raise ValueError(held["format"])
            limits = tuple(
                Price(str(one["limit"]), float(one["rest"]),
                      tuple(tuple(map(float, row)) for row in one["rows"]), float(one["error"]))
                for one in held["limits"]
            )
            found = cls(str(held["space"]), str(held["space_sha256"]), limits)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"'{path}' is no file of evolution.prices ({error})") from None
        if found.space_sha256 != space_hash(space):
            raise UserError(f"the prices in '{path}' are of space '{found.space}' as it was, not "
                            f"of '{space.name}' as it is; make them anew: "
                            f"python -m evolution.prices --recipe {space.name}")
        return found
