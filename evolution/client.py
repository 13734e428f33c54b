"""The service from Python and from the shell: ``from evolution.client import Client``."""

from __future__ import annotations

from evolution.service.client.answers import RefusedError
from evolution.service.client.api import Client

__all__ = ["Client", "RefusedError"]

if __name__ == "__main__":
    from evolution.service.client.shell import main

    main()
