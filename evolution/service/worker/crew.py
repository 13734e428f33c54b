"""Keeps a worker for each device of a cluster, as long as the device is there."""

from __future__ import annotations

import abc
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from luts.errors import UserError

REFUSED = 2
_LOOK_S, _AGAIN_S, _STOPPING_S = 1.0, 10.0, 30.0
_log = logging.getLogger("metronas.crew")


@dataclass(frozen=True)
class Place:
    """Where one worker runs.

    Attributes:
        node: the cluster's name for the machine.
        machine: its host name.
        number: counts the devices of that machine from 0.
        cpus: processors that the worker takes; on a machine without GPUs all, since what else ran
            there would disturb what it measures.
        gpus: GPUs that it takes.
    """

    node: str
    machine: str
    number: int
    cpus: int
    gpus: int


def places(nodes: Sequence[Mapping[str, Any]], device: str) -> list[Place]:
    """Devices of a cluster.

    Args:
        nodes: as `ray.nodes` lists them.
        device: ``cpu``, one for each machine, or ``cuda``, one for each GPU.
    """
    found = []
    for node in nodes:
        resources = node.get("Resources", {})
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        count = gpus if device == "cuda" else min(cpus, 1)
        if node.get("Alive"):
            found += [Place(node["NodeID"], node["NodeManagerHostname"], number, cpus // count,
                            int(device == "cuda")) for number in range(count)]
    return found


@dataclass(frozen=True)
class End:
    """How a worker ended.

    Attributes:
        code: its exit code; None where its machine or Ray's process there was lost.
        said: its last words, or what Ray says.
    """

    code: int | None
    said: str


class Hiring(abc.ABC):
    """What a crew asks of a cluster; hands are its own."""

    @abc.abstractmethod
    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """Machines, as `ray.nodes` lists them."""

    @abc.abstractmethod
    def hire(self, place: Place) -> Any:
        """Starts a worker at a place; returns a hand. Does not wait for it."""

    @abc.abstractmethod
    def ended(self, hands: Sequence[Any], wait_s: float) -> Sequence[tuple[Any, End]]:
        """Those of the hands that have ended, once one has or the time is over."""

    @abc.abstractmethod
    def ask_to_stop(self, hand: Any) -> None:
        """Asks a worker to give its job back and to end; it may have ended already."""

    @abc.abstractmethod
    def dismiss(self, hand: Any) -> None:
        """Ends a worker at once; it may have ended already."""


@dataclass
class Crew:
    """Workers for all devices of a cluster, until they are stopped.

    Attributes:
        hiring: the cluster.
        device: ``cpu`` or ``cuda``.
        stopping: set when they are to end.
    """

    hiring: Hiring
    device: str
    stopping: threading.Event = field(default_factory=threading.Event)
    _hands: dict[Place, Any] = field(default_factory=dict)
    _refused: dict[Place, str] = field(default_factory=dict)
    _not_before_s: dict[Place, float] = field(default_factory=dict)

    def run(self) -> None:
        """Hires where a device has no worker, and again where one ended.

        Raises:
            UserError: no device is there, or every worker was refused: by the server, say.
        """
        try:
            while not self.stopping.is_set():
                self._look()
                self._collect(_LOOK_S)
        finally:
            self._end()

    def _look(self) -> None:
        there = places(self.hiring.nodes(), self.device)
        if not there and not self._hands:
            raise UserError(f"--device {self.device}: no machine of the cluster has one")
        if there and all(place in self._refused for place in there):
            place, said = next(iter(self._refused.items()))
            raise UserError(f"the worker on {place.machine} ended: {said}")
        now_s = time.monotonic()
        for place in there:
            if place in self._hands or place in self._refused or (
                    now_s < self._not_before_s.get(place, 0.0)):
                continue
            self._hands[place] = self.hiring.hire(place)
            _log.info("hired", extra={"fields": {"machine": place.machine,
                                                 "number": place.number}})

    def _collect(self, wait_s: float) -> None:
        by_hand = {id(hand): place for place, hand in self._hands.items()}
        if not by_hand:
            self.stopping.wait(wait_s)
            return
        for hand, end in self.hiring.ended(list(self._hands.values()), wait_s):
            place = by_hand[id(hand)]
            del self._hands[place]
            self._not_before_s[place] = time.monotonic() + _AGAIN_S
            if end.code == REFUSED:
                # Wrong input: it would end so again.
                self._refused[place] = end.said
            _log.warning("ended", extra={"fields": {"machine": place.machine, "code": end.code,
                                                    "number": place.number, "said": end.said}})

    def _end(self) -> None:
        for hand in self._hands.values():
            self.hiring.ask_to_stop(hand)
        until_s = time.monotonic() + _STOPPING_S
        while self._hands and (left_s := until_s - time.monotonic()) > 0:
            self._collect(min(_LOOK_S, left_s))
        for hand in self._hands.values():
            self.hiring.dismiss(hand)
