"""Scores on a Ray cluster, or on one that is started on this machine."""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from evolution.pools.base import LOCAL, Job, Maker, PoolOptions
from evolution.pools.team import Answer, Desk, Team, Worker, WorkerDiedError
from luts.errors import UserError

if TYPE_CHECKING:
    from supernet.accuracy import AccuracySource

# Jobs and scores are small; without a limit Ray reserves a third of the memory for objects.
_OBJECT_STORE_BYTES = 100 * 2**20
_REACH_SECONDS = 5.0


def check_ray(address: str) -> None:
    """Makes sure that Ray is installed, without importing it.

    Raises:
        UserError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            f"--ray {address} needs Ray; install it with: pip install 'metronas[scale]'"
        )


def check_reachable(address: str) -> None:
    """Makes sure that something listens at an address; Ray itself would try for a minute.

    Args:
        address: ``host:port`` or ``ray://host:port``; any other is left to Ray.

    Raises:
        UserError: nothing does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(_unreachable(address, str(error))) from None


def is_reachable(address: str) -> bool:
    """Whether something listens at an address; see `check_reachable`."""
    try:
        check_reachable(address)
    except UserError:
        return False
    return True


def open_ray(address: str, **local: Any) -> Any:
    """Connects this process with a cluster.

    Args:
        address: as Ray takes it; ``local`` starts a cluster on this machine.
        local: options of `ray.init` for that one.

    Returns:
        The module ``ray``.

    Raises:
        UserError: Ray is not installed, or no cluster can be reached there.
    """
    check_ray(address)
    check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = importlib.import_module("ray")
    started = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES, **local}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR",
                 **(started if address == LOCAL else {}))
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise UserError(_unreachable(address, first)) from None
    return ray


def _unreachable(address: str, why: str) -> str:
    return (f"--ray {address}: no cluster can be reached there ({why}); give the address of one "
            f"that runs, such as 10.0.0.1:6379, or '{LOCAL}'")


class _Actor(Worker):
    def __init__(self, ray: Any, make: Any) -> None:
        self._ray = ray
        # Ray is not to restart it by itself: losses are counted where jobs are given.
        self._handle = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Desk).remote(make)
        self.answer: Any = None

    def give(self, job: Job) -> None:
        self.answer = self._handle.answer.remote(job)

    def take(self) -> Answer:
        errors = self._ray.exceptions
        try:
            return cast(Answer, self._ray.get(self.answer))
        except (errors.RayActorError, errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
            how = " ".join(str(error).split())
            raise WorkerDiedError(f"ended: {how}") from None

    def dismiss(self) -> None:
        self._ray.kill(self._handle)


class RayPool(Team):
    """See `Team`; each worker is an actor with an accuracy source of its own.

    Every machine of the cluster needs this package; weights that do not ship with it travel along
    (`evolution.pools.carried`). That all score with the same ones is checked. Machines whose
    processors have other instructions can round scores in another way.
    """

    def __init__(self, accuracy: AccuracySource, make: Maker, options: PoolOptions) -> None:
        super().__init__(accuracy, make, options)
        self._address = options.address or LOCAL
        self._ray: Any = None
        self._made: Any = None
        self._workers = 0
        self._connect()

    @property
    def workers(self) -> int:
        """See `Pool.workers`; without a number, one for each processor of the cluster."""
        return self._workers

    def _connect(self) -> None:
        if self._ray is not None:
            return
        ray = open_ray(self._address, num_cpus=self.options.workers, num_gpus=0)
        self._ray = ray
        there = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._workers = self.options.workers or there
        if self._workers > there:
            self.close()
            raise UserError(f"--workers {self._workers}: the cluster at --ray {self._address} has "
                            f"{there} processors; give at most {there}")

    def _hire(self) -> Worker:
        self._connect()
        if self._made is None:
            # Weights may travel with it, once for all workers of a machine.
            self._made = self._ray.put(self.make)
        return _Actor(self._ray, self._made)

    def _answered(self, busy: Sequence[Worker]) -> list[Worker]:
        by_answer = {cast(_Actor, worker).answer: worker for worker in busy}
        ready, _ = self._ray.wait(list(by_answer), num_returns=1)
        return [by_answer[answer] for answer in ready]

    def close(self) -> None:
        """See `Pool.close`; leaves the cluster, and ends it where it is local."""
        super().close()
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = self._made = None
