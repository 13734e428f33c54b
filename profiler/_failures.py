"""When a campaign gives up: failures of single networks are borne, many are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from luts.errors import InferenceError
from profiler._records import FailureRecord
from profiler._state import CampaignState

_SHARE = 1 / 3
_TRIED = 6


def check_failures(state: CampaignState, planned: int) -> None:
    """Ends a campaign of which too much has failed.

    Args:
        state: what was measured and what failed.
        planned: networks of the whole campaign.

    Raises:
        InferenceError: more than a third of the networks tried so far failed (of at least six),
            or of all; the message groups what the runtime said.
    """
    failed = state.failed
    tried = len(failed | {visit.network for visit in state.visits})
    if (tried >= min(_TRIED, planned)) and len(failed) > _SHARE * tried:
        raise InferenceError(
            f"{len(failed)} of {tried} networks failed, more than a third: "
            f"{described(state.failures)}"
        )


def described(failures: Sequence[FailureRecord]) -> str:
    """What the runtime said, most frequent first, each with the number of networks."""
    groups = Counter(failure.error for failure in failures)
    return "; ".join(f"{count} x {error}" for error, count in groups.most_common())
