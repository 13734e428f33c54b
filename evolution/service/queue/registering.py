"""Workers and their devices."""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from evolution.service.errors import ForbiddenError
from evolution.service.queue.expiry import give_back
from evolution.service.queue.records import RELEASED, Claim, Limits
from evolution.service.store.models import Device, Lease, Worker


def register(session: Session, user_id: int, claim: Claim, now_s: float, limits: Limits
             ) -> tuple[int, int]:
    """See `Queue.register`."""
    device = session.scalar(select(Device).where(
        Device.machine == claim.machine, Device.name == claim.device))
    if device is None:
        device = Device(machine=claim.machine, name=claim.device, target=claim.target, info={},
                        fence=0, seen_at_s=now_s)
        session.add(device)
    device.target, device.info, device.seen_at_s = claim.target, claim.info, now_s
    session.flush()
    digest = hashlib.sha256(claim.key.encode()).hexdigest()
    worker = session.scalar(select(Worker).where(Worker.key_digest == digest))
    if worker is None:
        worker = Worker(key_digest=digest, user_id=user_id, device_id=device.id, version="",
                        registered_at_s=now_s, seen_at_s=now_s)
        session.add(worker)
    elif worker.user_id != user_id:
        raise ForbiddenError("this worker's key belongs to another user; give it its own --work")
    worker.device_id, worker.version = device.id, claim.version
    worker.registered_at_s = worker.seen_at_s = now_s
    session.flush()
    # Its predecessor is dead: a worker locks the folder that its key lies in.
    held = session.scalars(select(Lease).where(
        Lease.worker_id == worker.id, Lease.ended_at_s.is_(None)))
    for lease in held.all():
        give_back(session, lease, RELEASED, now_s, limits)
    return worker.id, device.id
