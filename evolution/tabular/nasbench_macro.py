"""NAS-Bench-Macro: 6,561 chains of eight layers, trained on CIFAR-10 (Su et al., 2103.11922)."""

from __future__ import annotations

import gzip
import json
from itertools import product
from pathlib import Path

import numpy as np

from evolution.tabular.problem import TabularProblem, TabularSpace
from luts.errors import CorruptFileError, UserError
from luts.space import Decision, Factor

LAYERS, CHOICES = 8, 3
FILE = "nas-bench-macro_cifar10.json.gz"


def nasbench_macro(folder: Path) -> TabularProblem:
    """Reads the benchmark.

    Args:
        folder: holds ``nas-bench-macro_cifar10.json.gz``: layer choices such as ``02012100``
            (0 identity, 1 MBConv of kernel 3 and expansion 3, 2 of kernel 5 and expansion 6) to
            ``mean_acc`` in percent, ``params`` and ``flops`` (multiply-adds).

    Returns:
        The problem; its cost is ``flops`` as the file gives it, a sum over the layers.

    Raises:
        UserError: there is no such file.
        CorruptFileError: it does not hold each network with these values.
    """
    path = folder / FILE
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            networks = json.load(file)
    except FileNotFoundError:
        raise UserError(f"no file '{path}'; name the folder that holds it") from None
    except (OSError, EOFError, ValueError) as error:
        raise CorruptFileError(f"{path} cannot be read ({error})") from None
    names = ["".join(row) for row in product("012", repeat=LAYERS)]
    try:
        columns = np.array(
            [[networks[n][key] for key in ("mean_acc", "params", "flops")] for n in names],
            dtype=np.float64,
        ).T
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{path} lacks a network or one of its values ({error})") from None
    accuracy, parameters, macs = columns
    decisions = [Decision(f"layer{i + 1}", tuple(range(CHOICES))) for i in range(LAYERS)]
    factors = [Factor(f"layer{i + 1}", (i,)) for i in range(LAYERS)]
    counts = {"parameters": parameters, "flops": 2 * macs}
    space = TabularSpace("nasbench_macro", decisions, factors, counts)
    return TabularProblem(space, accuracy, {"flops": macs})
