"""An estimate on the terminal."""

from __future__ import annotations

from predictor._estimate_record import Estimate


def show(found: Estimate, most: int) -> None:
    """Prints an estimate: the whole, how it is known, and its longest operators.

    Args:
        found: what was estimated.
        most: operators to print; 0 prints all.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"[bold]{found.model}[/bold] on {found.target} ({found.runtime}, {found.precision}, "
        f"{found.threads} thread(s)): [bold]{found.latency_ms:.3g} ms[/bold], "
        f"{found.level:.0%} within {found.lower_ms:.3g} to {found.upper_ms:.3g} ms",
        highlight=False, soft_wrap=True)
    console.print(f"of its operators' time {found.measured_share:.0%} measured, "
                  f"{found.estimated_share:.0%} estimated, {found.unknown_share:.0%} unknown",
                  highlight=False, soft_wrap=True)
    if found.evidence:
        eager = "" if found.eager_ms is None else f"eagerly {found.eager_ms:.3g} ms; "
        console.print(f"batch {found.batch}; {eager}PREDICTED, not measured; behind it: "
                      f"{found.evidence}", highlight=False, soft_wrap=True)
    listed = found.operators[: most or None]
    # Their keys name the file's shapes and arithmetic.
    table = Table(title=f"operators as the model has them, ms in {found.precision} at batch "
                        f"{found.batch}" if found.evidence else None)
    for title in ("operator", "known", "count", "ms", "share"):
        table.add_column(title, justify="left" if title in ("operator", "known") else "right",
                         overflow="fold")
    for item in listed:
        table.add_row(item.operator.replace("[", r"\["), item.source, str(item.count),
                      f"{item.latency_ms:.3f}", f"{item.share:.1%}")
    rest = found.operators[len(listed):]
    if rest:
        table.add_row(f"{len(rest)} more operators", "", str(sum(item.count for item in rest)),
                      f"{sum(item.latency_ms for item in rest):.3f}",
                      f"{sum(item.share for item in rest):.1%}")
    console.print(table)
