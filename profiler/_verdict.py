"""What a comparison comes to, in plain words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from luts.errors import UserError
from luts.records import Pace
from profiler._differences import Group, compare_group
from profiler._sides import Side

# Said in the verdict even where the latencies agree; another plan or date is no difference.
_TELLING = ("target", "device", "runtime", "runtime version", "precision", "batch", "threads",
            "recipe", "space", "model")


@dataclass(frozen=True)
class Comparison:
    """Two measurements, compared.

    Attributes:
        verdict: one word for scripts.
        words: the same in a sentence.
        different: facts that differ, name to the values of A and of B.
        warnings: why the comparison should be doubted.
        noise_source: where the noise is known from, per side.
        groups: such as ``networks`` to what was found.
        pace_factor: ratio B / A that the paces of the machines explain; 1 where these are unknown.
    """

    verdict: Literal["same", "speed", "shape", "speed and shape", "nothing in common"]
    words: str
    different: dict[str, tuple[Any, Any]]
    warnings: tuple[str, ...]
    noise_source: tuple[str, str]
    groups: dict[str, Group]
    pace_factor: float = 1.0

    @property
    def same(self) -> bool:
        """Whether they agree within noise."""
        return self.verdict == "same"

    def as_json(self) -> dict[str, Any]:
        """The comparison as it is printed."""
        return {"same": self.same, **asdict(self)}


def pace_ratio(a: Pace, b: Pace) -> float:
    """How much longer networks take at the usual pace of B than at that of A."""
    if not a.median_ms or not b.median_ms:
        return 1.0
    return float((b.median_ms / a.median_ms) ** ((a.sensitivity + b.sensitivity) / 2))


def compare(a: Side, b: Side) -> Comparison:
    """Compares two measurements of one kind.

    Raises:
        UserError: one is a table and the other a model.
    """
    if a.what != b.what:
        raise UserError(f"A is a measured {a.what} and B a measured {b.what}; give two tables, or "
                        "two files of python -m profiler.measure --json")
    different = {name: (value, b.facts.get(name)) for name, value in a.facts.items()
                 if value != b.facts.get(name)}
    level = math.hypot(a.level_noise, b.level_noise)
    # The probe runs as the networks do: elsewhere its time says nothing of theirs.
    comparable = not {"device", "runtime", "threads", "precision"} & set(different)
    pace_factor = pace_ratio(a.pace, b.pace) if comparable else 1.0
    groups: dict[str, Group] = {}
    for name in a.groups:
        # A vector means another network in another space.
        if name == "networks" and "space" in different:
            continue
        found = compare_group(a.groups[name], b.groups[name], level_noise=level,
                              pace_factor=pace_factor)
        if found is not None:
            groups[name] = found
    told = [f"{name} ({different[name][0]} / {different[name][1]})"
            for name in _TELLING if name in different]
    aside = f"; measured with different {', '.join(told)}" if told else ""
    warnings = tuple(f"{side}: {words}" for side, doubts in (("A", a.warnings), ("B", b.warnings))
                     for words in doubts)
    sources = (a.noise_source, b.noise_source)
    if not groups:
        words = f"cannot be compared: nothing was measured in both{aside}"
        return Comparison("nothing in common", words, different, warnings, sources, {})
    speed = min(groups.values(), key=lambda group: group.factor_noise)
    changed = {name: group for name, group in groups.items() if group.beyond_noise}
    parts = []
    if speed.factor_beyond_noise:
        # Of time, as it takes: "4 % faster" takes 4 % less.
        parts.append(f"B is {100 * abs(speed.factor - 1):.1f} % "
                     f"{'slower' if speed.factor > 1 else 'faster'} throughout"
                     + (f" ({100 * (pace_factor - 1):+.1f} % by the machine's pace)"
                        if pace_factor != 1 else ""))
    if changed:
        listed = " and ".join(f"{group.beyond_noise} of {group.matched} {name}"
                              for name, group in changed.items())
        parts.append(f"differ in shape: {listed} differ beyond noise")
    verdict: Any = " and ".join(
        word for word, holds in (("speed", speed.factor_beyond_noise), ("shape", changed)) if holds
    ) or "same"
    words = (", and they ".join(parts) or "same within noise") + aside
    return Comparison(verdict, words, different, warnings, sources, groups, pace_factor)
