"""Searches by others, as published: how many evaluations each needs to reach a goal in a table.

All are favoured where the publications leave room: what was evaluated before is not counted again,
and neither is what a constraint forbids.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from evolution.region import Region
from evolution.tabular.problem import TabularProblem
from luts.errors import UserError

_TRIES = 1000
# Proposals per evaluation that counts, at most: populations that converged repeat themselves.
_ROUNDS = 5
PYMOO = "pymoo==0.6.2"


class Table:
    """What a rival is told: accuracies, which networks are allowed, and when the goal is met."""

    def __init__(self, problem: TabularProblem, region: Region, goal: float, most: int) -> None:
        self.problem = problem
        self.accuracy = problem.accuracy.tolist()
        self.allowed = region.allowed(problem.space.grid)
        self.cost = region.limits[0].use(problem.space.grid)
        self.goal, self.most = goal, most
        self.seen: set[int] = set()
        self.reached: int | None = None

    @property
    def over(self) -> bool:
        return self.reached is not None or len(self.seen) >= self.most

    def evaluate(self, row: int) -> float:
        """Accuracy of an allowed network; the first time counts."""
        self.seen.add(row)
        if self.reached is None and self.accuracy[row] >= self.goal:
            self.reached = len(self.seen)
        return float(self.accuracy[row])


def random_search(table: Table, seed: int) -> int | None:
    """Allowed networks in random order, none twice."""
    rng = np.random.default_rng(seed)
    for row in rng.permutation(np.flatnonzero(table.allowed)).tolist():
        if table.over:
            break
        table.evaluate(row)
    return table.reached


def regularised_evolution(
    table: Table, seed: int, population: int, sample: int
) -> int | None:
    """Aging evolution (Real et al., arXiv 1802.01548): the best of a sample has a child of one
    changed gene, the oldest dies; forbidden children are drawn again.
    """
    rng = np.random.default_rng(seed)
    sizes = table.problem.space.cardinalities.tolist()
    strides = np.append(np.cumprod(sizes[::-1])[::-1][1:], 1).tolist()
    allowed = table.allowed.tolist()
    alive: deque[tuple[float, int]] = deque()
    for row in rng.choice(np.flatnonzero(table.allowed), population, replace=False).tolist():
        alive.append((table.evaluate(row), row))
    for _ in range(_ROUNDS * table.most):
        if table.over:
            break
        picks = rng.integers(len(alive), size=sample).tolist()
        _, parent = max(alive[i] for i in picks)
        child = parent
        for _ in range(_TRIES):
            gene = int(rng.integers(len(sizes)))
            old = parent // strides[gene] % sizes[gene]
            new = (old + 1 + int(rng.integers(sizes[gene] - 1))) % sizes[gene]
            if allowed[parent + (new - old) * strides[gene]]:
                child = parent + (new - old) * strides[gene]
                break
        alive.append((table.evaluate(child), child))
        alive.popleft()
    return table.reached


def pymoo_nsga2(table: Table, seed: int, population: int) -> int | None:
    """NSGA-II of pymoo with its operators for integers: error and cost, the limit a constraint."""
    nsga2, problem_class, evaluator_tools = load_pymoo()
    space = table.problem.space
    problem = problem_class(n_var=len(space.decisions), n_obj=2, n_ieq_constr=1, xl=0,
                            xu=space.cardinalities - 1, vtype=int)
    algorithm = nsga2(population)
    algorithm.setup(problem, termination=("n_gen", _ROUNDS * table.most // population), seed=seed)
    static_problem, evaluator = evaluator_tools
    while algorithm.has_next() and not table.over:
        asked = algorithm.ask()
        if asked is None or not len(asked):
            break
        rows = space.rows(np.rint(asked.get("X")).astype(np.int64))
        # What is forbidden is never compared by its accuracy, so it need not be evaluated.
        error = [-table.evaluate(row) if table.allowed[row] else 0.0 for row in rows.tolist()]
        cost = table.cost[rows]
        static = static_problem(problem, F=np.column_stack([error, cost]),
                                G=np.where(table.allowed[rows], -1.0, cost)[:, None])
        evaluator.eval(static, asked)
        algorithm.tell(infills=asked)
    return table.reached


def load_pymoo() -> tuple[Any, Any, tuple[Any, Any]]:
    """Algorithm, problem and evaluation of pymoo.

    Raises:
        UserError: it is not installed.
    """
    try:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.evaluator import Evaluator
        from pymoo.core.problem import Problem
        from pymoo.operators.crossover.sbx import SBX
        from pymoo.operators.mutation.pm import PM
        from pymoo.operators.repair.rounding import RoundingRepair
        from pymoo.operators.sampling.rnd import IntegerRandomSampling
        from pymoo.problems.static import StaticProblem
    except ImportError:
        raise UserError(
            "pymoo is not installed; it is needed for this benchmark alone: "
            f"python -m pip install {PYMOO} (or leave it out with --without pymoo)"
        ) from None

    def nsga2(population: int) -> Any:
        return NSGA2(
            pop_size=population,
            sampling=IntegerRandomSampling(),
            crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
            mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
            eliminate_duplicates=True,
        )

    return nsga2, Problem, (StaticProblem, Evaluator())
