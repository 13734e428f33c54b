"""The latencies that a search goes by: measured on the target or, where nothing was, estimated."""

from __future__ import annotations

from luts.errors import CorruptFileError, UserError
from luts.estimated import EstimatedTable
from luts.paths import tables_root
from luts.table import LatencyTable
from predictor.base import LatencyPredictor


def find_latencies(
    target: str, space: str, threads: int, *, accept_estimate: bool = False
) -> tuple[LatencyTable | EstimatedTable, LatencyPredictor]:
    """What was measured on a target; where that is nothing, what is estimated of it.

    Args:
        target: target name.
        space: recipe whose space is searched.
        threads: threads that the network runs on.
        accept_estimate: whether a target will do on which nothing was ever measured.

    Returns:
        The table, and the predictor that belongs to it.

    Raises:
        UserError: neither measured nor estimated, or without evidence that was not accepted; the
            message names the command that measures.
        CorruptFileError: the table is damaged.
    """
    from luts.spaces import load_space
    from predictor.load import predictor_of
    from predictor.unmeasured.record import load_laws

    root = tables_root() / target
    nothing = not any(root.glob(f"{space}-*"))
    if nothing and threads == 1 and target in load_laws().targets:
        from predictor.unmeasured.table import load_estimated, refuse_without_evidence

        refuse_without_evidence(target, "fp32", accept=accept_estimate)
        _, estimated, predictor = load_estimated(target, space)
        return estimated, predictor
    table = _table(target, space, threads)
    return table, predictor_of(load_space(space), table)


def _table(target: str, space: str, threads: int) -> LatencyTable:
    from luts.paths import find_table

    try:
        return find_table(target, space, threads=threads)
    except CorruptFileError:
        raise
    except UserError as error:
        raise UserError(
            f"{error}; then fit its predictor with: python -m predictor.fit --target "
            f"{target} --recipe {space} --threads {threads}"
        ) from None
