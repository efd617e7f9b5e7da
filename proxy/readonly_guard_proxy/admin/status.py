"""Status: the whole state of a guard as one value, which `readonly-guard status` shows and `/status` gives as JSON."""

from __future__ import annotations

import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import msgspec

from readonly_guard.settings import Settings
from readonly_guard_proxy.admin.readiness import Readiness, Report
from readonly_guard_proxy.metrics.figures import Figures
from readonly_guard_proxy.metrics.meters import Meters

__all__ = ["OwnStatus", "Status", "StatusSource", "free_bytes"]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What runs, since when, how it is, and what it has counted.

    Args:
        version: of the software.
        listening: ``host:port`` where clients connect.
        upstream: ``host:port`` of the guarded server; a host that starts with ``/`` is the directory of its socket.
        uptime_s: since the start.
        readiness: what the checks say.
        log_free_bytes: room left where the journal is.
        figures: of all workers together.
    """

    version: str
    listening: str
    upstream: str
    uptime_s: float
    readiness: Report
    log_free_bytes: int
    figures: Figures


class StatusSource(Protocol):
    """Knows the state of a guard: of one process, or of all its workers."""

    async def readiness(self) -> Report:
        """Whether clients are served."""
        ...

    async def status(self) -> Status:
        """Everything."""
        ...


class RevisionKnower(Protocol):
    """Knows which policies are in force."""

    @property
    def policy_revision(self) -> str:
        """Their revision."""
        ...


class OwnStatus:
    """The state of this process.

    Args:
        settings: where it listens, whom it guards, where its journal is.
        port: where clients connect.
        guard: knows the policy revision.
        meters: what was counted.
        readiness: the checks.
    """

    def __init__(
        self, settings: Settings, *, port: int, guard: RevisionKnower, meters: Meters, readiness: Readiness
    ) -> None:
        self._settings = settings
        self._listening = f"{settings.listener.host}:{port}"
        self._guard = guard
        self._meters = meters
        self._readiness = readiness
        self._since = time.monotonic()

    async def readiness(self) -> Report:
        """Whether clients are served."""
        return await self._readiness.report()

    async def status(self) -> Status:
        """Everything."""
        upstream = self._settings.upstream
        return Status(
            version=version("readonly-guard"),
            listening=self._listening,
            upstream=f"{upstream.host}:{upstream.port}",
            uptime_s=time.monotonic() - self._since,
            readiness=await self.readiness(),
            log_free_bytes=free_bytes(Path(self._settings.journal.path)),
            figures=self._meters.figures(policy_revision=self._guard.policy_revision),
        )


def free_bytes(path: Path) -> int:
    """Room left for this user on the file system of a path; 0 when there is no such path."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return 0
