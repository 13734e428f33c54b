"""Workers of the service as actors of a Ray cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evolution.service.worker.crew import End, Hiring, Place
from evolution.service.worker.hand import Hand


@dataclass
class _Hired:
    """An actor and what it will answer when its worker has ended."""

    actor: Any
    end: Any


@dataclass
class RayHiring(Hiring):
    """See `Hiring`.

    Attributes:
        ray: the module, connected with a cluster.
        options: of `evolution.worker`, but for device, folder and machine.
        work: folder of the workers on each machine.
        variables: of their environment.
    """

    ray: Any
    options: Mapping[str, str]
    work: str
    variables: Mapping[str, str] = field(repr=False)

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """See `Hiring`."""
        found: Sequence[Mapping[str, Any]] = self.ray.nodes()
        return found

    def hire(self, place: Place) -> _Hired:
        """See `Hiring`."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        where = NodeAffinitySchedulingStrategy(place.node, soft=False)
        # `run` waits, and `stop` must be heard meanwhile.
        hand = self.ray.remote(num_cpus=place.cpus, num_gpus=place.gpus, max_restarts=0,
                               max_concurrency=3, scheduling_strategy=where)(Hand)
        actor = hand.remote({**self.options, "machine": place.machine}, self.work,
                            dict(self.variables), "cuda" if place.gpus else "cpu")
        return _Hired(actor, actor.run.remote())

    def ended(self, hands: Sequence[_Hired], wait_s: float) -> Sequence[tuple[_Hired, End]]:
        """See `Hiring`."""
        by_end = {hand.end: hand for hand in hands}
        ready, _ = self.ray.wait(list(by_end), num_returns=1, timeout=wait_s)
        return [(by_end[one], self._end(by_end[one])) for one in ready]

    def _end(self, hand: _Hired) -> End:
        try:
            code, said = self.ray.get(hand.end)
        except self.ray.exceptions.RayError as error:
            return End(None, " ".join(str(error).split())[:500])
        self.dismiss(hand)
        return End(code, said)

    def ask_to_stop(self, hand: _Hired) -> None:
        """See `Hiring`."""
        hand.actor.stop.remote()

    def dismiss(self, hand: _Hired) -> None:
        """See `Hiring`."""
        with contextlib.suppress(self.ray.exceptions.RayError):
            self.ray.kill(hand.actor)
