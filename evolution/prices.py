"""Command line: what architectures use of limits, for a training that weighs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evolution import arguments
from luts import cli

if TYPE_CHECKING:
    from evolution.requirements import Requirement
    from luts.prices import Prices
    from luts.space import OperatorSpace

_DRAWN = 2000


def main(
    *,
    target: arguments.Target,
    recipe: arguments.Recipe = "fp-nas-darts-small",
    latency: arguments.Latency = None,
    threads: arguments.Threads = 1,
    accept_estimate: arguments.AcceptEstimate = False,
    out: Annotated[Path | None, typer.Option(help="File [runs/prices-RECIPE-TARGET.json].")] = None,
) -> None:
    """Writes what each part of an architecture uses of a latency budget and the recipe's limits.

    A training takes the file in place of FLOPs, on this machine or another: architectures above a
    limit are pushed away as they are sampled. That is no promise; the search that follows keeps
    the budget.

    For instance:

        python -m evolution.prices --target cpu --latency 80% --out prices.json

        python -m supernet.train --recipe fp-nas-darts-small --set parsec.prices=prices.json
        --set parsec.cost=0.3
    """
    from evolution._space_view import basis
    from evolution.options import Options
    from evolution.prepare import prepare_parts
    from luts.files import safe_name, writable_folder

    options = Options(target, recipe, latency, threads=threads, accept_estimate=accept_estimate)
    plan = prepare_parts(options)
    name = f"prices-{safe_name(recipe, 'recipe')}-{safe_name(target, 'target')}.json"
    place = out or Path("runs") / name
    writable_folder(place.parent)
    prices = prices_of(plan.space, plan.requirements)
    prices.save(place)
    for limit in prices.limits:
        print(f"{limit.limit}: sums are within {limit.error:.1%} of the limit of what {_DRAWN} "
              "random architectures use")
    if plan.estimated:
        print(basis(plan))
    print(f"written: {place}")


def prices_of(space: OperatorSpace, requirements: tuple[Requirement, ...]) -> Prices:
    """What factor rows use of each limit, with what is not additive as a constant.

    Args:
        space: the space.
        requirements: its limits.
    """
    import numpy as np

    from evolution.counts import gathered
    from luts.fingerprint import space_hash
    from luts.prices import Price, Prices

    drawn = space.sample(np.random.default_rng(0), _DRAWN)
    found = []
    for requirement in requirements:
        for limit in requirement.limits:
            rows = limit.factor_uses()
            beyond = limit.use(drawn) - gathered(space, rows, drawn)
            rest = float(beyond.mean())
            found.append(Price(
                f"{requirement.name} {requirement.say(requirement.top)}", rest,
                tuple(tuple(row.tolist()) for row in rows), float(np.abs(beyond - rest).max()),
            ))
    return Prices(space.name, space_hash(space), tuple(found))


if __name__ == "__main__":
    cli.run(main)
