"""Keeps a catalog as the server has it: the first snapshot, then a new one whenever the server says that it moved.

A catalog that could not be held against the server for too long is withdrawn: what may have changed meanwhile is not
known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from readonly_guard.catalog.capture import CatalogUnavailable, fingerprint
from readonly_guard.catalog.resolver import CatalogResolver
from readonly_guard.catalog.snapshot import decode
from readonly_guard.catalog.taker import take
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import CatalogSettings, ReadingSettings

__all__ = ["CatalogKeeper", "read_catalog"]

_PATIENCE: Final = 6
"""For how many intervals the server may not be asked before its catalog counts as unknown."""


def read_catalog(path: Path, rules: ReadingSettings, settings: CatalogSettings) -> CatalogResolver:
    """A catalog from a file that was taken before.

    Raises:
        ConfigurationError: the file cannot be read or is no snapshot.
    """
    try:
        document = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    return CatalogResolver(decode(document, str(path)), rules, settings)


class CatalogKeeper:
    """Looks after the catalog of one database.

    Args:
        dsn: of the database, with a role of the guard's own.
        rules: of the readings.
        settings: how often to ask, whom to trust.
        changed: told of every new catalog; and with None and the reason when there is none any more.
    """

    def __init__(
        self,
        dsn: str,
        rules: ReadingSettings,
        settings: CatalogSettings,
        *,
        changed: Callable[[CatalogResolver | None, str], None],
    ) -> None:
        self._dsn = dsn
        self._rules = rules
        self._settings = settings
        self._changed = changed
        self._known = ""
        self._failures = 0
        self.fault = "the catalog has not been read yet"
        """Why there is no catalog, or empty."""

    async def keep(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.refresh_s)
            await self.look()

    async def look(self) -> None:
        """Ask the server once, and take a snapshot if its catalog is not the one that is known. Never raises for it."""
        try:
            moved = await fingerprint(self._dsn, timeout_s=self._settings.timeout_s)
            if moved != self._known:
                snapshot = await take(self._dsn, timeout_s=self._settings.timeout_s)
                self._changed(CatalogResolver(snapshot, self._rules, self._settings), "")
                self._known, self.fault = snapshot.fingerprint, ""
        except CatalogUnavailable as error:
            self._failed(str(error))
        except Exception as error:  # noqa: BLE001  a defect of ours may not leave an old catalog in force for ever
            self._failed(f"the catalog cannot be read: {type(error).__name__}")
        else:
            self._failures = 0

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._failures == _PATIENCE or not self._known:
            self._known, self.fault = "", why
            self._changed(None, why)
