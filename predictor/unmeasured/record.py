"""The shipped law, the levels of targets, and the errors on networks that were left out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from luts.errors import UserError
from luts.sealed import Sealed, read_sealed
from predictor.conformal import fewest_scores, upper_quantile
from predictor.unmeasured.kernels import CLASSES, PRODUCTS
from predictor.unmeasured.law import Law, Level

FORMAT = 1
LAWS = Path(__file__).with_name("laws.json")
NO_EVIDENCE = "no measured evidence"
_FROZEN = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
# Standard normal quantile that turns a spread between devices into a one-sided 95 % allowance.
_NORMAL = 1.645


class Population(BaseModel):
    """Errors on published networks that the law had not seen.

    Attributes:
        title: which networks, and how they were left out.
        residuals: log(measured / predicted) of each.
    """

    model_config = _FROZEN

    title: str
    residuals: tuple[float, ...]


class LevelRecord(BaseModel):
    """One target and precision, from some batch on.

    Attributes:
        batch_from: smallest batch that it speaks for.
        compute: see `Level`.
        traffic: see `Level`.
        host_ms: of launching a kernel, in ms.
        spread: standard deviation, in log units, of what is not known of this device; 0 where the
            population was measured on it.
        evidence: what was measured on this target, in words, or ``no measured evidence``.
        population: name of the population that the interval comes from.
        relatives: name of a population of errors on networks beside others of their family, for
            what errors do not have in common; None where that is not known of this device.
    """

    model_config = _FROZEN

    batch_from: int = Field(default=1, gt=0)
    compute: float
    traffic: float
    host_ms: float = Field(gt=0)
    spread: float = Field(ge=0)
    evidence: str
    population: str
    relatives: str | None = None

    @property
    def level(self) -> Level:
        """The level, as a law takes it."""
        return Level(self.compute, self.traffic, float(np.log(self.host_ms)))

    @property
    def evidenced(self) -> bool:
        """Whether anything was measured on this target."""
        return self.evidence != NO_EVIDENCE


class LawBook(Sealed):
    """What ``laws.json`` holds.

    Attributes:
        fitted: what the law was fitted to, in words.
        utilisation: see `Law`, by class of product.
        columns: see `Law`.
        depth: see `Law`.
        bandwidth: see `Law`, by class.
        waves: see `Law`.
        cache: see `Law`.
        launch_ms: see `Law`, as a logarithm.
        populations: by name.
        targets: target to precision to its levels, by growing batch.
    """

    model_config = _FROZEN

    format: int = FORMAT
    fitted: str
    utilisation: dict[str, float]
    columns: dict[str, float]
    depth: dict[str, float]
    bandwidth: dict[str, float]
    waves: float
    cache: float
    launch_ms: float
    populations: dict[str, Population]
    targets: dict[str, dict[str, tuple[LevelRecord, ...]]]

    @property
    def law(self) -> Law:
        """The law; classes in the order of ``CLASSES``."""
        parts = [tuple(part[name] for name in PRODUCTS)
                 for part in (self.utilisation, self.columns, self.depth)]
        wide = tuple(self.bandwidth[name] for name in CLASSES)
        return Law(parts[0], parts[1], parts[2], wide, self.waves, self.cache,
                   self.launch_ms)

    def level(self, target: str, precision: str, batch: int = 1) -> LevelRecord:
        """What is known of a target in a precision, nearest to a batch.

        Raises:
            UserError: nothing; the message says what there is.
        """
        known = self.targets.get(target)
        if known is None:
            raise UserError(f"there is no estimate of target '{target}'; there are of: "
                            f"{', '.join(sorted(self.targets))}")
        if precision not in known:
            raise UserError(f"there is no estimate of '{target}' in precision '{precision}'; "
                            f"there are in: {', '.join(sorted(known))}")
        levels = known[precision]
        return max((r for r in levels if r.batch_from <= batch), key=lambda r: r.batch_from,
                   default=levels[0])

    def margins(
        self, target: str, precision: str, level: float, batch: int
    ) -> tuple[float, float]:
        """How far a measurement may lie below and above a prediction, in log units.

        Conformal over networks that were left out, each side at ``level``; then wider by what is
        not known of the device.

        Raises:
            UserError: no such target or precision, or a level that so few networks cannot give.
        """
        known = self.level(target, precision, batch)
        residuals = np.array(self.populations[known.population].residuals)
        if len(residuals) < fewest_scores(level):
            raise UserError(
                f"level {level} needs at least {fewest_scores(level)} networks that were left out; "
                f"behind the estimate of '{target}' in {precision} there are {len(residuals)}")
        device = _NORMAL * known.spread
        below, above = (upper_quantile(sign * residuals, level) for sign in (-1.0, 1.0))
        return (float(np.hypot(max(below, 0.0), device)), float(np.hypot(max(above, 0.0), device)))


    def relative_margin(
        self, target: str, precision: str, level: float, batch: int
    ) -> float | None:
        """How far the ratio of two related networks may exceed the predicted one, in log units.

        None where no errors on relatives are known of the device, or too few for that level.
        """
        name = self.level(target, precision, batch).relatives
        if name is None or len(self.populations[name].residuals) < fewest_scores(level):
            return None
        return max(0.0, upper_quantile(np.array(self.populations[name].residuals), level))


@cache
def load_laws(path: Path = LAWS) -> LawBook:
    """The laws that come with the package.

    Raises:
        CorruptFileError: the file is edited or truncated.
    """
    return read_sealed(path, LawBook, format=FORMAT, what="laws of unmeasured devices",
                       again="fit them again with: python -m benchmarks.unmeasured fit")


def as_book(law: Law, fitted: str, populations: dict[str, Population],
            targets: dict[str, dict[str, tuple[LevelRecord, ...]]]) -> LawBook:  # fmt: skip
    """A book of what was fitted, not sealed yet."""
    def named(classes: tuple[str, ...], values: tuple[float, ...]) -> dict[str, float]:
        return {name: round(value, 5) for name, value in zip(classes, values, strict=True)}

    return LawBook(
        fitted=fitted, utilisation=named(PRODUCTS, law.utilisation),
        columns=named(PRODUCTS, law.columns), depth=named(PRODUCTS, law.depth),
        bandwidth=named(CLASSES, law.bandwidth), waves=round(law.waves, 5),
        cache=round(law.cache, 5), launch_ms=round(law.launch_ms, 5), populations=populations,
        targets=targets,
    )
