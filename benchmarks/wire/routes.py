"""A way to the database: an address to connect to, and the processes that stand there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.wire.processes import Cpu, cpu_of, memory_bytes, tree

__all__ = ["DIRECT", "PGBOUNCER", "Route"]

DIRECT = "direct"
PGBOUNCER = "pgbouncer"


class Route(NamedTuple):
    """One of the ways that are compared.

    Attributes:
        name: what tables call it; :data:`DIRECT` and :data:`PGBOUNCER` are what the others are compared with.
        port: on loopback.
        pid: of the proxy's first process, None where there is no proxy.
        decided: how many statements it has recorded as allowed since it was last asked, None where nothing is.
    """

    name: str
    port: int
    pid: int | None = None
    decided: Callable[[], int] | None = None

    def cpu(self) -> Cpu:
        """CPU time of the proxy's processes so far."""
        return Cpu(0, 0) if self.pid is None else cpu_of(tree(self.pid))

    def memory_bytes(self) -> int:
        """Memory of the proxy's processes now."""
        return 0 if self.pid is None else memory_bytes(tree(self.pid))
