"""Features of operators of one kind on devices, and what is monotone in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from luts.operator import Operator
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operators.work import Work

Indices = npt.NDArray[np.int64]
# Square tiles of a product that kernels of small and large problems use.
_TILES = (32, 128)
# Vector and tensor-core widths that shapes are padded to.
_ALIGNMENTS = (4, 8, 32)
_LOGS = ("flops", "bytes", "weight_bytes", "out_values", "in_values", "batch", "m", "n", "k",
         "taps", "stride", "groups", "value_bytes")  # fmt: skip


@dataclass(frozen=True)
class Schema:
    """The columns of one kind.

    Attributes:
        words: attributes whose values are words, each with the words seen in training.
        numbers: attributes with numbers, each with how many numbers it holds.
    """

    words: tuple[tuple[str, tuple[str, ...]], ...]
    numbers: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, operators: Sequence[Operator]) -> Schema:
        """The columns that cover the attributes of some operators of one kind."""
        words: dict[str, set[str]] = {}
        numbers: dict[str, int] = {}
        for operator in set(operators):
            for name, value in operator.attributes:
                if isinstance(value, str):
                    words.setdefault(name, set()).add(value)
                else:
                    length = len(value) if isinstance(value, tuple) else 1
                    numbers[name] = max(numbers.get(name, 0), length)
        kept = {name: found for name, found in words.items() if len(found) > 1}
        return cls(
            tuple((name, tuple(sorted(kept[name]))) for name in sorted(kept)),
            tuple(sorted(numbers.items())),
        )

    def new_words(self, operator: Operator) -> bool:
        """Whether the operator has a word (such as an activation) that training lacked."""
        known = dict(self.words)
        return any(
            isinstance(value, str) and name in known and value not in known[name]
            for name, value in operator.attributes
        )

    def columns(self, operators: Sequence[Operator]) -> tuple[list[str], Floats]:
        """Names and values of the attributes, shape ``(operators, columns)``."""
        names = [f"{name}={word}" for name, found in self.words for word in found]
        names += [f"{name}.{place}" for name, length in self.numbers for place in range(length)]
        known: dict[Operator, list[float]] = {}
        for operator in operators:
            if operator not in known:
                known[operator] = self._row(operator)
        rows = [known[operator] for operator in operators]
        return names, np.array(rows, dtype=float).reshape(len(rows), len(names))

    def _row(self, operator: Operator) -> list[float]:
        has = operator.attribute_map
        row = [float(has.get(name) == word) for name, found in self.words for word in found]
        for name, length in self.numbers:
            value = has.get(name, 0)
            listed = list(value) if isinstance(value, tuple) else [value]
            listed = [number if isinstance(number, int) else 0 for number in listed]
            row += [float(number) for number in (listed + [0] * length)[:length]]
        return row


def bounds_ms(work: Work, facts: Sequence[DeviceFacts], of: Indices) -> tuple[Floats, Floats]:
    """The two lines of the roofline (Williams et al. 2009), each of shape ``(operators,)``.

    Args:
        work: numbers of the operators.
        facts: devices.
        of: index of each operator's device, shape ``(operators,)``.

    Returns:
        Arithmetic at the peak rate and traffic at the peak bandwidth, in ms.
    """
    pairs = list(zip(of.tolist(), work.dtypes, strict=True))
    rates = {pair: facts[pair[0]].peak(pair[1]) for pair in set(pairs)}
    peak = np.array([rates[pair] for pair in pairs])
    bandwidth = np.array([device.bandwidth_gb_s for device in facts])[of]
    return work["flops"] / peak / 1e6, work["bytes"] / bandwidth / 1e6


def features(
    schema: Schema,
    operators: Sequence[Operator],
    work: Work,
    facts: Sequence[DeviceFacts],
    of: Indices,
) -> tuple[list[str], Floats, list[int]]:
    """Everything that the learner sees.

    Args:
        schema: columns of the kind.
        operators: of one kind.
        work: their numbers.
        facts: devices.
        of: index of each operator's device, shape ``(operators,)``.

    Returns:
        Names, values of shape ``(operators, features)``, and per feature +1 where more of it can
        only cost time with the rest unchanged, else 0.
    """
    names, columns, signs = [], [], []

    def add(name: str, values: Floats, sign: int = 0) -> None:
        names.append(name)
        columns.append(values)
        signs.append(sign)

    compute_ms, traffic_ms = bounds_ms(work, facts, of)
    roof_ms = np.maximum(compute_ms, traffic_ms)
    processors = np.array([device.multiprocessors for device in facts], dtype=float)[of]
    cache = np.array([device.l2_mb for device in facts])[of] * 2**20
    for name in _LOGS:
        add(f"log_{name}", np.log(np.maximum(work[name], 1.0)))
    add("log_roofline_ms", np.log(roof_ms))
    add("log_intensity_over_ridge", np.log(np.maximum(compute_ms, 1e-12) / traffic_ms))
    add("log_bytes_per_cache", np.log(work["bytes"] / cache))
    add("log_weight_bytes_per_cache", np.log(work["weight_bytes"] / cache))
    add("log_values_per_multiprocessor", np.log(work["out_values"] / processors))
    m, n = work["m"], work["n"]
    for tile in _TILES:
        tiles = work["batch"] * np.ceil(m / tile) * np.ceil(n / tile)
        waves = tiles / processors
        add(f"log_waves_{tile}", np.log(waves))
        # Both are at least 1: lanes idle in the last wave, and lanes outside the matrix.
        add(f"tail_{tile}", np.log(np.ceil(waves) / waves), 1)
        padded = np.ceil(m / tile) * np.ceil(n / tile) * tile**2 / (m * n)
        add(f"tile_padding_{tile}", np.log(padded), 1)
    for name in ("m", "n", "k"):
        for width in _ALIGNMENTS:
            size = work[name]
            add(f"{name}_padding_{width}", np.log(np.ceil(size / width) * width / size), 1)
    for name in ("m", "n", "k"):
        # Vector loads need whole multiples: an odd size takes another path than the next even one.
        add(f"{name}_divisor", _power_of_two(work[name]))
    for axis, sizes in enumerate(_sizes(operators).T):
        add(f"log_axis_{axis}", np.log(sizes))
    titles, values = schema.columns(operators)
    for title, column in zip(titles, values.T, strict=True):
        add(title, column)
    return names, np.column_stack(columns).reshape(len(operators), len(names)), signs


def _power_of_two(sizes: Floats) -> Floats:
    """Logarithm to base 2 of the largest power of two, at most 32, that divides each size."""
    whole = sizes.astype(np.int64)
    return np.asarray(np.log2(np.minimum(whole & -whole, _ALIGNMENTS[-1])))


def _sizes(operators: Sequence[Operator]) -> Floats:
    """Last four axes of the first input, 1 where it has fewer; shape ``(operators, 4)``."""
    rows = [((1,) * 4 + (op.inputs[0] if op.inputs else ()))[-4:] for op in operators]
    return np.asarray(np.maximum(np.array(rows, dtype=float).reshape(len(rows), 4), 1.0))
