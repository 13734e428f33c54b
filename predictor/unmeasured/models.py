"""Estimates of any model on a GPU on which nothing was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from luts.errors import UserError
from luts.operator import Operator
from luts.target import load_target
from predictor._estimate_record import Estimate, Known, OperatorEstimate
from predictor.conformal import fewest_scores
from predictor.device_facts import DeviceFacts
from predictor.unmeasured.kernels import Row, kernels, unknown_kernel
from predictor.unmeasured.law import together
from predictor.unmeasured.record import load_laws
from predictor.unmeasured.steps import Steps
from predictor.unmeasured.table import RUNTIME, refuse_without_evidence


def estimate_unmeasured(
    path: Path, shown: str, scratch: Path, *, target: str, precision: str,
    inputs: Mapping[str, tuple[int, ...]], batch: int, level: float, strict: bool, accept: bool,
) -> Estimate:
    """Estimates a model as PyTorch executes it, operator by operator, as a replayed CUDA graph.

    Args:
        path: ONNX file.
        shown: its name.
        scratch: folder for changed copies.
        target: a GPU.
        precision: arithmetic precision.
        inputs: shape by name of input, for those with free axes.
        batch: so many times the model's inputs.
        level: share of networks that the interval must hold.
        strict: whether kinds of operators without a rule are refused.
        accept: whether a target without evidence will do.

    Raises:
        UserError: no estimate of that target or precision, one without evidence that was not
            accepted, a kind without a rule (strict), or a model that cannot be used.
    """
    from predictor.estimation.api import executed_operators

    fewest_scores(level)
    refuse_without_evidence(target, precision, accept=accept)
    book = load_laws()
    known = book.level(target, precision, batch)
    facts, law = DeviceFacts.of_target(load_target(target)), book.law
    counts = Counter(executed_operators(path, inputs, scratch, fused=False))
    listed: list[OperatorEstimate] = []
    rows = {operator: _kernels(operator) for operator in counts}
    unknown = sorted({op.kind for op, (_, source) in rows.items() if source == "unknown"})
    if unknown and strict:
        raise UserError(f"'{shown}' has operators of kinds without a rule: {', '.join(unknown)}; "
                        "without --strict they are guessed")
    parts = {}
    for operator, count in counts.items():
        steps = Steps.from_rows([(*row, float(count)) for row in rows[operator][0]]).at_batch(batch)
        each = law.kernels_ms(steps, facts, precision, known.level)
        parts[operator] = (float(each @ steps["count"]),
                           float(steps["count"].sum()) * known.host_ms)
    device, host = (sum(part[i] for part in parts.values()) for i in (0, 1))
    if not device:
        raise UserError(f"'{shown}' launches no kernel, so there is nothing to estimate")
    latency_ms = device
    eager_ms = float(together(np.array([device]), np.array([host]))[0])
    weights = {op: max(d, 1e-12) / device for op, (d, _) in parts.items() if d}
    for operator, share in weights.items():
        listed.append(OperatorEstimate(
            operator=operator.key, kind=operator.kind, source=rows[operator][1],
            count=counts[operator], latency_ms=parts[operator][0], share=share))
    guessed = sum(item.share for item in listed if item.source == "unknown")
    below, above = book.margins(target, precision, level, batch)
    return Estimate(
        model=shown, target=target, runtime=RUNTIME, precision=precision, threads=1,
        library=book.sealed_sha256, level=level, latency_ms=latency_ms,
        lower_ms=latency_ms * float(np.exp(-below)), upper_ms=latency_ms * float(np.exp(above)),
        measured_share=0.0, estimated_share=max(0.0, 1 - guessed), unknown_share=guessed,
        unknown_kinds=tuple(unknown), batch=batch, evidence=known.evidence,
        eager_ms=eager_ms,
        operators=tuple(sorted(listed, key=lambda item: -item.latency_ms)),
    )


def _kernels(operator: Operator) -> tuple[list[Row], Known]:
    try:
        return kernels(operator), "estimated"
    except UserError:
        return [unknown_kernel(operator)], "unknown"
