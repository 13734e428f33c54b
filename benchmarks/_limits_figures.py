"""What searches over many budgets came to, in figures."""

from __future__ import annotations

from typing import Any

import numpy as np


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """What the searches came to.

    Args:
        records: one of each search.
    """
    returned = [r for r in records if r["verified"]]
    winners = sum(r["rounds"] for r in records)
    struck = sum(r["struck"] for r in records)
    used = np.array([r["latency_ms"] / r["budget_ms"] for r in returned])
    again = np.array([r["again_ms"] / r["budget_ms"] for r in returned])
    # The budget is a share of the reference: of the reference in the same session, too.
    own = np.array([r["again_ms"] / (r["share"] * r["again_reference_ms"]) for r in returned])
    return {
        "done": len(records), "verified": len(returned),
        "unverified": [r["search"] for r in records if not r["verified"]],
        "above_budget": int((used > 1).sum()),
        "above_budget_again": int((again > 1).sum()),
        "above_share_again": int((own > 1).sum()),
        "winners_measured": winners,
        "winners_struck": struck,
        "share_struck": struck / winners if winners else None,
        "searches_with_strike": sum(r["struck"] > 0 for r in records),
        "use_of_budget": _spread(used), "use_again": _spread(again),
        "use_of_share_again": _spread(own),
        "level": _spread(np.array([r["level"] for r in records if r["level"] is not None])),
        "minutes": round(sum(r["seconds"] for r in records) / 60, 1),
        "searches_of": records,
    }


def _spread(values: np.ndarray) -> dict[str, float] | None:
    if not len(values):
        return None
    names = ("least", "p10", "median", "p90", "most")
    return dict(zip(names, np.percentile(values, [0, 10, 50, 90, 100]).tolist(), strict=True))


def show(found: dict[str, Any]) -> None:
    """Prints the figures of `summary`."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=f"{found['done']} searches, {found['verified']} verified, "
                        f"{found['minutes']} minutes")
    shown.add_column("")
    shown.add_column("count", justify="right")
    for name in ("above_budget", "above_budget_again", "above_share_again", "winners_measured",
                 "winners_struck", "searches_with_strike"):
        shown.add_row(name.replace("_", " "), str(found[name]))
    share = found["share_struck"]
    shown.add_row("share of winners struck", "-" if share is None else f"{share:.1%}")
    console = Console()
    console.print(shown)
    for name in ("use_of_budget", "use_again", "use_of_share_again", "level"):
        if found[name] is not None:
            values = ", ".join(f"{key} {value:.3f}" for key, value in found[name].items())
            console.print(f"{name.replace('_', ' ')}: {values}", highlight=False)
