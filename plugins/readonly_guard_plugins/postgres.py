"""What plugins that connect to a PostgreSQL share: where it is, as whom, and how the connection is protected."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal

import asyncpg
import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import is_this_machine
from readonly_guard_plugins.https import tls_context

__all__ = ["PostgresPlace", "PostgresSettings"]


class PostgresSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of such a plugin's section."""

    host: str
    """Of the server, or the directory of its unix socket."""
    port: int = 5432
    database: str
    user: str
    password: Path | None = None
    """A file with the password."""
    tls: Literal["verify-full", "disable"] | None = None
    """Without it: ``disable`` over a unix socket and to this machine itself, ``verify-full`` to any other."""
    ca: Path | None = None
    """The certificates to trust, PEM; without it those of the system."""
    timeout_s: float = 20.0
    """For connecting, and for each statement."""


class PostgresPlace:
    """A server that a plugin connects to.

    Args:
        settings: the plugin's section.
        plugin: its name, for errors.
        purpose: what the server is told that the connection is for.
        server_settings: those of its sessions.

    Raises:
        ConfigurationError: records would go to another machine in the clear, or the certificates cannot be read.
    """

    def __init__(self, settings: PostgresSettings, plugin: str, purpose: str, **server_settings: str) -> None:
        self._settings = settings
        self._server_settings = {"application_name": f"readonly-guard {purpose}", **server_settings}
        self._plugin = plugin
        is_near = settings.host.startswith("/") or is_this_machine(settings.host)
        mode = settings.tls or ("disable" if is_near else "verify-full")
        if mode == "disable" and not is_near:
            raise ConfigurationError(f"[plugin.{plugin}] tls: records are not sent to another machine in the clear")
        self._tls: ssl.SSLContext | bool = tls_context(settings.ca, plugin) if mode == "verify-full" else False

    async def connect(self) -> Any:
        """A connection of asyncpg.

        Raises:
            ConfigurationError: the password's file cannot be read.
            asyncpg.PostgresError: the server refused.
            OSError: there is no connection.
        """
        return await asyncpg.connect(**self._arguments())

    async def pool(self, most: int) -> Any:
        """A pool of asyncpg, of one connection to so many; raises as :meth:`connect`."""
        return await asyncpg.create_pool(min_size=1, max_size=most, **self._arguments())

    def _arguments(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "host": settings.host,
            "port": settings.port,
            "database": settings.database,
            "user": settings.user,
            "password": self._password(),
            "ssl": self._tls,
            "timeout": settings.timeout_s,
            "command_timeout": settings.timeout_s,
            "server_settings": self._server_settings,
        }

    def _password(self) -> str | None:
        path = self._settings.password
        if path is None:
            return None
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"[plugin.{self._plugin}] password: {path}: {error}") from error
