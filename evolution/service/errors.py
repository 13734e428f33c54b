"""What the service refuses, with the HTTP status that says so."""

from __future__ import annotations

from luts.errors import UserError


class ServiceError(UserError):
    """A request that is refused; the message repeats what was asked for.

    Attributes:
        status: HTTP status.
    """

    status = 422


class NotFoundError(ServiceError):
    """There is no such thing."""

    status = 404


class GoneError(NotFoundError):
    """There was such a thing, and it was removed."""

    status = 410


class ForbiddenError(ServiceError):
    """The caller may not do that."""

    status = 403


class ConflictError(ServiceError):
    """It contradicts what was done before."""

    status = 409


class StaleLeaseError(ConflictError):
    """The lease has ended: its device or its job may be another worker's by now."""


class QuotaError(ServiceError):
    """The user has as many jobs as the quota allows."""

    status = 429


class TooLargeError(ServiceError):
    """More bytes than are taken."""

    status = 413
