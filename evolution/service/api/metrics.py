"""Figures for Prometheus: requests as they come, the queue as it stands."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as render_all
from sqlalchemy import func, select

from evolution.service.core import Service
from evolution.service.store.models import Device, Job, Lease

_STATES = ("queued", "running", "done", "failed", "cancelled")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter("metronas_requests", "Requests answered",
                                 ["method", "route", "status"], registry=self._registry)
        self._seconds = Histogram("metronas_request_seconds", "Time until a request was answered",
                                  ["route"], registry=self._registry)
        self._jobs = Gauge("metronas_jobs", "Jobs by state", ["state"], registry=self._registry)
        self._devices = Gauge("metronas_devices", "Devices by whether a worker reports",
                              ["alive"], registry=self._registry)
        self._leases = Gauge("metronas_leases_ended", "Leases that ended, by how", ["outcome"],
                             registry=self._registry)
        self._streams = Gauge("metronas_event_streams", "Streams of events that are open",
                              registry=self._registry)
        self._free = Gauge("metronas_data_free_bytes", "Room on the disk of the data folder",
                           registry=self._registry)
        self._oldest = Gauge("metronas_oldest_queued_seconds", "Age of the oldest waiting job",
                             registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; `route` is the path's pattern, so that numbers stay few."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self, service: Service) -> tuple[bytes, str]:
        """All figures as text, and its media type."""
        now_s = service.clock()
        with service.database.read() as session:
            jobs = dict(session.execute(
                select(Job.state, func.count()).group_by(Job.state)).tuples().all())
            oldest_s = session.scalar(
                select(func.min(Job.created_at_s)).where(Job.state == "queued"))
            seen = session.scalars(select(Device.seen_at_s)).all()
            ended = session.execute(select(Lease.outcome, func.count()).where(
                Lease.ended_at_s.is_not(None)).group_by(Lease.outcome)).tuples().all()
        for state in _STATES:
            self._jobs.labels(state).set(jobs.get(state, 0))
        for outcome, count in ended:
            self._leases.labels(outcome).set(count)
        since_s = now_s - 2 * service.queue.limits.lease_s
        alive = sum(seen_s >= since_s for seen_s in seen)
        self._devices.labels("true").set(alive)
        self._devices.labels("false").set(len(seen) - alive)
        self._streams.set(service.streams)
        self._free.set(service.free_bytes())
        self._oldest.set(now_s - oldest_s if oldest_s is not None else 0)
        return render_all(self._registry), CONTENT_TYPE_LATEST
