"""A worker's place: its number, the port all share, and what of the settings is its own.

Every worker writes a chain of its own, ``<journal>/worker-<n>``, which `readonly_guard.audit.find_chains` finds below
the journal's directory: two processes cannot continue one hash chain.
"""

from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import AdminSettings, ListenerSettings, Settings, WorkerSettings
from readonly_guard_proxy.net.addresses import cannot_listen
from readonly_guard_proxy.net.boards import Boards

__all__ = ["Place", "as_worker", "reserve"]

_ADMIN: Final = "admin.sock"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a worker stands.

    Args:
        number: 1 to ``count``.
        count: how many workers there are.
        port: that all of them listen on.
        directory: for the sockets and boards of the workers, which only this user may enter.
        room: for how many users and addresses the boards have room.
    """

    number: int
    count: int
    port: int
    directory: str
    room: int

    @property
    def name(self) -> str:
        """``worker-1``."""
        return f"worker-{self.number}"

    @property
    def boards(self) -> Boards:
        """What all workers count together, as this one sees it."""
        return Boards.shared(Path(self.directory), self.number, self.count, self.room)

    @property
    def admin_socket(self) -> str:
        """Where the worker tells its status."""
        return str(Path(self.directory, f"{self.name}-{_ADMIN}"))


def as_worker(settings: Settings, place: Place) -> Settings:
    """The settings of one worker: as those of all, but for its port, its chain and its share of the connections."""
    replace = msgspec.structs.replace
    return replace(
        settings,
        listener=replace(settings.listener, port=place.port),
        journal=replace(settings.journal, path=str(Path(settings.journal.path, place.name))),
        admin=AdminSettings(socket=place.admin_socket),
        limits=replace(settings.limits, connections=math.ceil(settings.limits.connections / place.count)),
        workers=WorkerSettings(count=place.count),
    )


def reserve(where: ListenerSettings) -> socket.socket:
    """Take the port for all workers: a socket that never listens, to be kept as long as they are to have it.

    Raises:
        ConfigurationError: the address cannot be listened on, or somebody else does already.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
        # without SO_REUSEPORT first: with it, the system would let two guards share a port and say nothing
        with socket.socket(family, kind, protocol) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            address = alone.getsockname()
        shared = socket.socket(family, kind, protocol)
        try:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind(address)
        except OSError:
            shared.close()
            raise
    except OSError as error:
        raise ConfigurationError(cannot_listen("listener", where.host, where.port, error)) from error
    return shared
