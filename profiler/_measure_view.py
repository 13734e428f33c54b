"""What `profiler.measure` prints."""

from __future__ import annotations

import sys
from pathlib import Path

from profiler.model_times import ModelTimes
from profiler.settings import StoppingRule

# With more of the samples disturbed, the rest is hardly undisturbed.
_MANY = 0.2


def show(found: ModelTimes, most: int, rule: StoppingRule, page: Path | None) -> None:
    """Prints a table of the layers and the figures of the whole.

    Args:
        found: what was measured.
        most: layers to list; 0 lists all.
        rule: how it was sampled, to say whether its goal was reached.
        page: where the page was written, if at all.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = found.layers[:most] if most else found.layers
    rest = found.layers[len(listed):]
    table = Table(title=f"{found.model} on {found.target}", box=box.SIMPLE_HEAD, show_footer=True,
                  title_justify="left")
    table.add_column("layer", footer="total", overflow="fold")
    table.add_column("operator")
    table.add_column("ms", footer=f"{found.median_ms:.4f}", justify="right", no_wrap=True)
    table.add_column("share", footer="100.0 %", justify="right", no_wrap=True)
    # As text, so that brackets in a name are no markup.
    for layer in listed:
        table.add_row(Text(layer.name), Text(layer.kind), f"{layer.latency_ms:.4f}",
                      _percent(layer.share))
    if rest:
        table.add_row(f"{len(rest)} more layers (--layers 0 lists all)", "",
                      f"{sum(layer.latency_ms for layer in rest):.4f}",
                      _percent(sum(layer.share for layer in rest)))
    table.add_row("unattributed", "", f"{found.unattributed_ms:.4f}",
                  _percent(found.unattributed_ms / found.median_ms))
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(
        f"median {found.median_ms:.4f} ms (p10 {found.p10_ms:.4f}, p90 {found.p90_ms:.4f}, p99 "
        f"{found.p99_ms:.4f}), standard error {100 * found.error:.2f} %, {found.samples} samples, "
        f"{found.discarded} more disturbed and thrown away"
    )
    console.print(f"{found.device.get('model')}, {found.threads} thread(s), {found.runtime} "
                  f"{found.runtime_version}, {found.precision}")
    if page is not None:
        console.print(f"page written to {page}")
    for warning in warnings(found, rule):
        print(f"warning: {warning}", file=sys.stderr)


def warnings(found: ModelTimes, rule: StoppingRule) -> list[str]:
    """Why the figures should be doubted."""
    doubts = []
    if found.samples < rule.min_samples:
        doubts.append(f"only {found.samples} of the {rule.min_samples} samples wanted were taken "
                      f"undisturbed within {rule.max_seconds:g} s; give more --max-seconds")
    if found.error > rule.goal:
        doubts.append(f"the median is known to {100 * found.error:.2f} % only, not to the "
                      f"{100 * rule.goal:.1f} % aimed at; give more --max-seconds or a quieter "
                      "machine")
    if found.throttled:
        doubts.append("heat or power slowed the device all the while; cool it, or lock a lower "
                      "clock")
    taken = found.samples + found.discarded
    if found.discarded > _MANY * taken:
        doubts.append(f"{found.discarded} of {taken} samples were disturbed; python -m "
                      "profiler.doctor says by what")
    return doubts


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
