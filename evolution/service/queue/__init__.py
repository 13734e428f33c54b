"""The leased queue: who may run what on which device, and for how long."""

from evolution.service.queue.facade import Queue
from evolution.service.queue.records import Limits

__all__ = ["Limits", "Queue"]
