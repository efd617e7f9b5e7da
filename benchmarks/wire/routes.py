"""A way to the database: an address to connect to, and the processes that stand there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.wire.certificates import Certificate
from benchmarks.wire.database import Database
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.processes import Cpu, cpu_of, memory_bytes, tree

__all__ = ["DIRECT", "PGBOUNCER", "Route", "Site"]

DIRECT = "direct"
PGBOUNCER = "pgbouncer"


class Site(NamedTuple):
    """Between what a proxy is put.

    Attributes:
        server: the database.
        upstream: the server's host as the proxy is told it, or its socket's folder.
        certificate: with it, clients must use TLS.
        under: a program that runs the proxy's, with its options.
    """

    server: Database
    upstream: str
    certificate: Certificate | None = None
    under: Sequence[str] = ()


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

    def forget_recorded(self) -> None:
        """Let the record begin anew, after what was no load."""
        if self.decided is not None:
            self.decided()

    def check_recorded(self, transactions: int) -> None:
        """Hold the way's record against the load that has just ended.

        Raises:
            BenchmarkError: there are not as many decisions as transactions.
        """
        decided = transactions if self.decided is None else self.decided()
        if decided != transactions:
            raise BenchmarkError(
                f"{self.name} recorded {decided} allowed statements, and {transactions} transactions were made: "
                "not all of the load went through the guard, or not all was logged"
            )

    def memory_bytes(self) -> int:
        """Memory of the proxy's processes now."""
        return 0 if self.pid is None else memory_bytes(tree(self.pid))
