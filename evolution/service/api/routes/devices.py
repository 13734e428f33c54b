"""Devices and their health, for people."""

from __future__ import annotations

from fastapi import Request
from sqlalchemy import select

from evolution.service.accounts import Role
from evolution.service.api.routing import Routes, service_of
from evolution.service.api.views import DeviceView, device_view
from evolution.service.store.models import Device, Lease

routes = Routes("devices")


@routes.add("GET", "/devices", Role.viewer)
def devices(request: Request) -> list[DeviceView]:
    """Every device that a worker ever registered, and what runs on it."""
    service = service_of(request)
    since_s = service.clock() - 2 * service.queue.limits.lease_s
    with service.database.read() as session:
        held = {lease.device_id: lease for lease in session.scalars(
            select(Lease).where(Lease.ended_at_s.is_(None)))}
        found = session.scalars(select(Device).order_by(Device.machine, Device.name)).all()
        return [device_view(device, held.get(device.id), alive=device.seen_at_s >= since_s)
                for device in found]
