"""The same operator model on other rows: recipes as chosen, everything else fitted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from luts.operator import Operator
from predictor.device_facts import DeviceFacts
from predictor.extremes import Floats
from predictor.operator_model import OperatorModel
from predictor.operators.fitting import Rows, fit_rows
from predictor.operators.kind_model import KindModel
from predictor.operators.work import Work


def refit(
    model: OperatorModel, operators: Sequence[Operator], latency_ms: Floats, device: DeviceFacts
) -> OperatorModel:
    """Fits the recipes of a model to other rows, which takes a small part of choosing them.

    Args:
        model: whose recipes are used.
        operators: one per row, of kinds that the model knows.
        latency_ms: measured, shape ``(rows,)``.
        device: the device of all rows.

    Returns:
        A model of the kinds among the rows; its intervals are those of ``model``.
    """
    models: dict[str, KindModel] = {}
    for kind in sorted({operator.kind for operator in operators}):
        own = np.array([i for i, operator in enumerate(operators) if operator.kind == kind])
        listed = [operators[i] for i in own]
        none = np.zeros(len(own), dtype=np.int64)
        rows = Rows(listed, Work.of(listed), latency_ms[own], none, np.arange(len(own)))
        known = model.models[kind]
        ceilings, fleet, learner = fit_rows(known.schema, rows, [device], known.learner.recipe,
                                        model.seed)
        models[kind] = replace(known, ceilings=ceilings, fleet=fleet, learner=learner,
                               rows=len(own))
    return OperatorModel(models, model.level, model.seed)
