"""What a person sees of a finished library."""

from __future__ import annotations

from collections import Counter

from luts.library import OperatorLibrary
from profiler._display import add_ending


def show_library(library: OperatorLibrary, folder: str, seconds: float) -> None:
    """Prints what a campaign found.

    Args:
        library: what was measured.
        folder: where it lies.
        seconds: time that this sitting took.
    """
    from rich.console import Console
    from rich.table import Table

    info, drift = library.info, library.info.drift
    operators = {step.operator for step in library.occurrences}
    kinds = Counter(operator.kind for operator in operators)
    families = Counter(network.family for network in library.networks)
    times = [network.latency_ms for network in library.networks]
    shown = Table(title=f"library of operators on {info.target}", show_header=False)
    shown.add_row("operators", f"{len(operators)} of {len(kinds)} kinds, "
                  f"{len(library.occurrences)} places")
    shown.add_row("", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(8)))
    shown.add_row("networks", f"{info.networks} of {info.settings['planned']} drawn: "
                  + ", ".join(f"{count} {name}" for name, count in families.most_common()))
    shown.add_row("latency", f"{min(times):.2f} to {max(times):.0f} ms")
    for said, count in info.failures.items():
        shown.add_row("failed", f"{count} network(s): {said}")
    shown.add_row("noise", f"{info.noise:.2%} between two timings of one network")
    shown.add_row("drift", f"{drift.verdict}: canary moved {drift.movement:.1%}, scatter "
                  f"{drift.spread:.1%}, {drift.canaries} timings")
    add_ending(shown, info, folder, seconds)
    Console().print(shown)
