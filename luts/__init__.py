"""The vocabulary and the tables: operators, spaces, targets, measured latencies."""

from luts.errors import (
    CorruptFileError,
    InfeasibleError,
    MissingOperatorError,
    UnknownNameError,
    UserError,
)
from luts.operator import Operator, PlacedOperator
from luts.paths import find_table, table_folder, tables_root
from luts.space import Architecture, Decision, Factor, OperatorSpace
from luts.spaces import load_space
from luts.table import Drift, LatencyRow, LatencyTable, NetworkSample, TableInfo
from luts.target import Target, load_target, target_names

__all__ = [
    "Architecture",
    "CorruptFileError",
    "Decision",
    "Drift",
    "Factor",
    "InfeasibleError",
    "LatencyRow",
    "LatencyTable",
    "MissingOperatorError",
    "NetworkSample",
    "Operator",
    "OperatorSpace",
    "PlacedOperator",
    "TableInfo",
    "Target",
    "UnknownNameError",
    "UserError",
    "find_table",
    "load_space",
    "load_target",
    "table_folder",
    "tables_root",
    "target_names",
]
