"""Addresses that cannot be listened on, in words that name the setting and the fix."""

from __future__ import annotations

import errno
import os

__all__ = ["cannot_listen"]


def cannot_listen(section: str, host: str, port: int, error: OSError) -> str:
    """What to tell whoever configured an address.

    Args:
        section: of guard.toml, ``listener`` or ``admin``.
        host: of the address.
        port: of the address.
        error: why it cannot be listened on.
    """
    address = f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{section}.port: {address} is in use; stop the program that listens there, "
                f"or choose another {section}.port (0 takes a free one)"
            )
        case errno.EACCES:
            return f"{section}.port: {address} may not be listened on; choose a {section}.port of 1024 or above"
        case errno.EADDRNOTAVAIL | None:  # asyncio's own words since Python 3.13, where a name has no address here
            return f"{section}.host: {host} is not an address of this machine"
        case number:
            reason = os.strerror(number) if number and number > 0 else "the name is not known"
            return f"{section}.host: {address} cannot be listened on: {reason}"
