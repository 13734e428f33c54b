"""A report on a space, on the terminal and in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolution.space_report import LEVEL, Share, SpaceReport

if TYPE_CHECKING:
    from evolution.plan import Plan

_NAMED = 3


def short_lines(report: SpaceReport) -> list[str]:
    """What is said at the start of a search."""
    costly = ", ".join(f"{d.name} {d.range_ms:.2f} ms" for d in report.decisions[:_NAMED])
    return [
        f"space: {report.size:,} architectures, {report.fastest.latency_ms:.3f} to "
        f"{report.slowest.latency_ms:.3f} ms, median {report.median.latency_ms:.3f} ms "
        f"(upper bounds {report.fastest.upper_ms:.3f}, {report.slowest.upper_ms:.3f}, "
        f"{report.median.upper_ms:.3f} ms)",
        f"feasible: {share_text(report.feasible)}; costliest decisions: {costly}",
    ]


def share_text(share: Share) -> str:
    """A share with its interval, if it has one."""
    if share.low == share.high:
        return f"{100 * share.share:.3g} % of all"
    return (f"{100 * share.share:.3g} % ({LEVEL:.0%} interval {100 * share.low:.3g} to "
            f"{100 * share.high:.3g} %)")


def basis(plan: Plan) -> str:
    """That latencies are predictions without a measured table; empty where there is one."""
    if not plan.estimated:
        return ""
    return (f"latencies of {plan.settings.target} are PREDICTED, not measured: no table of it is "
            f"here; behind the prediction: {plan.evidence}")


def show(report: SpaceReport, target: str, basis: str = "") -> None:
    """Prints the whole report; ``basis`` says where its latencies come from."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{report.space}[/bold] on {target}: {report.size:,} architectures",
                  highlight=False)
    if basis:
        console.print(basis, highlight=False, markup=False)
    latencies = Table()
    for title in ("latency (ms)", "predicted", "upper bound"):
        latencies.add_column(title, justify="left" if title.startswith("lat") else "right")
    for name in ("fastest", "median", "slowest", "reference"):
        point = getattr(report, name)
        latencies.add_row(name, f"{point.latency_ms:.3f}", f"{point.upper_ms:.3f}")
    console.print(latencies)
    shares = Table(title=f"what {'all' if report.samples == report.size else 'random'} "
                         f"architectures keep, of {report.samples:,}")
    for title in ("constraint", "share", "least", "median", "most"):
        shares.add_column(title, justify="left" if title == "constraint" else "right")
    for item in report.constraints:
        shares.add_row(item.limit, share_text(item.share),
                       *(f"{value:,.2f}" for value in (item.low, item.median, item.high)))
    shares.add_row("all of them", share_text(report.feasible), "", "", "")
    console.print(shares)
    decisions = Table(title="mean latency by decision (ms)")
    for title in ("decision", "range", "by choice"):
        decisions.add_column(title, justify="right" if title == "range" else "left")
    for decision in report.decisions:
        choices = "  ".join(f"{choice}: {ms:.2f}" for choice, ms in decision.by_choice_ms.items())
        decisions.add_row(decision.name, f"{decision.range_ms:.3f}", choices)
    console.print(decisions)
