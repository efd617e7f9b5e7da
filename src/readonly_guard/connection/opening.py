"""Opening a session: its parameters are judged before anything is sent, and the gate is in place before anything runs.

What the proxy does with a startup packet is done here with what asyncpg would send: the settings of the connection
string and of ``server_settings`` are judged by `readonly_guard.sql.judge_startup`, the declarations go along as
settings, and ``default_transaction_read_only=on`` is added, the second belt.
"""

from __future__ import annotations

import ssl as ssl_module
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Final, TypedDict, cast

import asyncpg
from asyncpg import connect_utils

from readonly_guard.connection.denied import ConnectionDenied, StatementDenied
from readonly_guard.connection.desk import Desk
from readonly_guard.connection.gate import Gate
from readonly_guard.domain import DECLARATIONS, DECLARED_PREFIX, Declared, Language, Session, Subject, core_reason
from readonly_guard.guard import Guard

__all__ = ["ConnectOptions", "GatedConnection", "Opening", "new_session_id"]


class ConnectOptions(TypedDict, total=False):
    """Where and how to connect: what :func:`asyncpg.connect` takes, with its meaning and defaults.

    ``connection_class`` and ``loop`` are not here: another class would come without the gate.
    """

    host: str | Sequence[str] | None
    port: int | Sequence[int] | None
    user: str | None
    password: str | Callable[[], str] | Callable[[], Awaitable[str]] | None
    passfile: str | PathLike[str] | None
    service: str | None
    servicefile: str | PathLike[str] | None
    database: str | None
    timeout: float
    statement_cache_size: int
    max_cached_statement_lifetime: float
    max_cacheable_statement_size: int
    command_timeout: float | None
    ssl: bool | str | ssl_module.SSLContext | None
    direct_tls: bool | None
    record_class: type[Any]
    server_settings: Mapping[str, str] | None
    target_session_attrs: str | None
    krbsrvname: str | None
    gsslib: str | None


_LEFT_OUT: Final = {
    "connection_class": "a connection of another class would come without the gate",
    "loop": "the running event loop is used",
    "connect": "connections that are made otherwise would come without the gate",
}
_PARSED: Final = {
    "host": None, "port": None, "user": None, "password": None, "passfile": None, "service": None, "servicefile": None,
    "database": None, "command_timeout": None, "statement_cache_size": 100, "max_cached_statement_lifetime": 300,
    "max_cacheable_statement_size": 1024 * 15, "ssl": None, "direct_tls": None, "server_settings": None,
    "target_session_attrs": None, "krbsrvname": None, "gsslib": None,
}  # fmt: skip
"""What asyncpg's parser of connection arguments takes, with the defaults of :func:`asyncpg.connect`."""
_THE_PACKETS_OWN: Final = frozenset({"user", "database", "replication"})


class GatedConnection(asyncpg.Connection):  # type: ignore[misc]
    """Asyncpg's connection with the gate in place of its protocol. Private to this package: callers get a wrapper.

    A subclass of its own is made for each opening, because asyncpg makes the instance.
    """

    __slots__ = ("gate", "own_desk")
    opening: Opening

    def __init__(self, protocol: Any, transport: Any, loop: Any, addr: Any, config: Any, params: Any) -> None:
        self.own_desk = self.opening.desk_for(params)
        self.gate = Gate(protocol, self.own_desk, params.user)
        super().__init__(self.gate, transport, loop, addr, config, params)
        try:
            self.opening.check(params)
            self.gate.begin()
        except ConnectionDenied as error:
            self.opening.refused(error, params)
            self.terminate()
            raise
        self.own_desk.open()

    async def reset(self, *, timeout: float | None = None) -> None:
        """As asyncpg does; but where nothing has run there is nothing to take back."""
        if self.gate.passage.is_untouched:
            await self._reset()
        else:
            await super().reset(timeout=timeout)
            self.gate.passage.is_untouched = True

    def retire_statements(self) -> None:
        """Make prepared statements, cursors and transactions that were given out unusable, as a release does."""
        self._pool_release_ctr += 1

    def transaction(self, *, isolation: Any = None, readonly: bool = False, deferrable: bool = False) -> Any:
        """As asyncpg does; but a BEGIN that was denied leaves no trace."""
        self._check_open()
        return _Transaction(self, isolation, readonly, deferrable)

    async def set_type_codec(self, typename: str, *, schema: str = "public", **codec: Any) -> None:
        """As asyncpg does; what the caller's encoder makes of a value is not known any longer."""
        self.gate.own_codecs |= {(schema, typename)}
        await super().set_type_codec(typename, schema=schema, **codec)

    async def set_builtin_type_codec(self, typename: str, *, schema: str = "public", **codec: Any) -> None:
        """As :meth:`set_type_codec`."""
        self.gate.own_codecs |= {(schema, typename)}
        await super().set_builtin_type_codec(typename, schema=schema, **codec)

    def _cleanup(self) -> None:
        # asyncpg calls this whenever a connection ends, however it ends
        super()._cleanup()
        self.gate.passage.desk.close()
        self.own_desk.close()


class _Transaction(asyncpg.transaction.Transaction):  # type: ignore[misc]
    __slots__ = ()

    async def start(self) -> None:
        """As asyncpg does, which would go on taking a transaction for begun whose BEGIN was never sent."""
        try:
            await super().start()
        except StatementDenied:
            if self._connection._top_xact is self:  # noqa: SLF001  where asyncpg noted it
                self._connection._top_xact = None  # noqa: SLF001  as above
            raise


class Opening:
    """How sessions are opened for one caller of :func:`readonly_guard.connect` or one pool.

    Args:
        guard: decides.
        subject: who asks, or None for the database user.
        declared: goes along as settings.
        language: of denials.
        dsn: asyncpg's connection string.
        options: asyncpg's keyword arguments, see :class:`ConnectOptions`.

    Raises:
        TypeError: an option that there is not.
    """

    def __init__(
        self,
        *,
        guard: Guard,
        subject: str | Subject | None,
        declared: Declared,
        language: Language,
        dsn: str | None,
        options: Mapping[str, Any],
    ) -> None:
        for name in options:
            if name not in ConnectOptions.__annotations__:
                raise TypeError(
                    f"{name!r} is not an option here: {_LEFT_OUT.get(name, 'asyncpg.connect has none of that name')}"
                )
        self._guard = guard
        self._subject = Subject(id=subject) if isinstance(subject, str) else subject
        self._language = language
        self._dsn = dsn
        self._options = dict(options)
        self._written = {
            DECLARED_PREFIX + field: value for field in DECLARATIONS if (value := getattr(declared, field))
        }
        self._settings: dict[str, str] = {}
        self._declared = Declared()
        self.connection_class = cast(
            "type[GatedConnection]", type("GatedConnection", (GatedConnection,), {"__slots__": (), "opening": self})
        )

    async def connect(self) -> GatedConnection:
        """Open a session.

        Raises:
            ConnectionDenied: its parameters are not safe, or the server is not as the guard needs it.
            asyncpg.PostgresError, OSError: as asyncpg.connect.
        """
        self._judge()
        options = {**self._options, "server_settings": self._settings}
        opened: GatedConnection = await asyncpg.connect(self._dsn, connection_class=self.connection_class, **options)
        return opened

    def _judge(self) -> None:
        """Judge what asyncpg would send, by its own reading of its arguments."""
        parsed = {name: self._options.get(name, default) for name, default in _PARSED.items()}
        given = {**(self._options.get("server_settings") or {}), **self._written}
        parsed["server_settings"] = given
        _, params, _ = connect_utils._parse_connect_arguments(dsn=self._dsn, **parsed)  # noqa: SLF001  its own reading
        settings: dict[str, str] = params.server_settings or {}
        wrong = [name for name in settings if name.lower() in _THE_PACKETS_OWN or name.startswith("_pq_.")]
        texts = (params.user, params.database, *settings, *settings.values())
        if any("\0" in text for text in texts):
            wrong.append("a NUL character in a parameter")
        judgement = self._guard.judge_startup(settings)
        reasons = [core_reason("RG-T06", f"server_settings with {what}") for what in wrong] + [*judgement.reasons]
        if reasons:
            refused = ConnectionDenied(reasons, self._language)
            self.refused(refused, params)
            raise refused
        self._settings, self._declared = judgement.forward, judgement.declared

    def check(self, params: Any) -> None:
        """See that a session was opened as it was judged.

        Raises:
            ConnectionDenied: it was opened with other settings.
        """
        if params.server_settings != self._settings:
            raise ConnectionDenied([core_reason("RG-T06", "settings that changed while connecting")], self._language)

    def desk_for(self, params: Any) -> Desk:
        """The desk of a session that asyncpg has just opened."""
        return Desk(
            guard=self._guard,
            subject=self._subject or Subject(id=params.user),
            session=self._session(params),
            initial=self._declared,
            language=self._language,
        )

    def refused(self, error: ConnectionDenied, params: Any) -> None:
        """Record that a session was not opened."""
        session = self._session(params)
        subject = self._subject or Subject(id=params.user)
        self._guard.session_event("refused", session, subject.id, codes=error.codes, detail=error.detail)

    def _session(self, params: Any) -> Session:
        settings = params.server_settings or {}
        return Session(
            session_id=new_session_id(),
            role=params.user,
            database=params.database,
            application_name=settings.get("application_name", ""),
        )


def new_session_id() -> str:
    """An identifier for a session in the log."""
    return str(uuid.uuid4())
