"""A campaign that a test kills: ``python -m tests.profiler._killed FOLDER [NETWORKS]``."""

from __future__ import annotations

import sys
from pathlib import Path

from profiler.campaign import Campaign
from profiler.plan import make_plan
from profiler.settings import Settings, StoppingRule
from profiler.timing import runtime_for
from tests.fakes import FakeSpace


def campaign(folder: Path, networks: int = 16) -> Campaign:
    space = FakeSpace()
    rule = StoppingRule(min_samples=5, min_seconds=0.02, max_seconds=0.1)
    return Campaign(
        space, make_plan(space, networks=networks), runtime_for("cpu"), folder,
        settings=Settings(rule=rule, canary_rule=rule, canary_every=3, patience_s=0.0),
    )


if __name__ == "__main__":
    campaign(Path(sys.argv[1]), *map(int, sys.argv[2:])).run(resume=True)
