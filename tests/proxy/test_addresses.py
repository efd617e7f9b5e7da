"""Why an address cannot be listened on, for whoever wrote it into guard.toml."""

from __future__ import annotations

import errno
import socket

import pytest

from readonly_guard_proxy.net.addresses import cannot_listen


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EADDRINUSE, ""), "listener.port: 192.0.2.1:6432 is in use; stop the program"),
        (OSError(errno.EACCES, ""), "listener.port: 192.0.2.1:6432 may not be listened on; choose"),
        (OSError(errno.EADDRNOTAVAIL, ""), "listener.host: 192.0.2.1 is not an address of this machine"),
        (OSError("could not bind on any address"), "listener.host: 192.0.2.1 is not an address of this machine"),
        (socket.gaierror(socket.EAI_NONAME, ""), "listener.host: 192.0.2.1:6432 cannot be listened on: the name is not known"),
        (OSError(errno.EMFILE, ""), "listener.host: 192.0.2.1:6432 cannot be listened on: Too many open files"),
    ],
)  # fmt: skip
def test_what_to_do(error, said):
    assert cannot_listen("listener", "192.0.2.1", 6432, error).startswith(said)
