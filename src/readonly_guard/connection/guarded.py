"""GuardedConnection: asyncpg's Connection for callers, with every way to the server through the gate.

A wrapper, not a subclass: what is not written here is not there. Whatever asyncpg hands to a callback or returns that
could run a statement is wrapped as well.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import asyncpg
from msgspec import UNSET, UnsetType

from readonly_guard.connection.asking import Asking
from readonly_guard.connection.desk import Desk
from readonly_guard.connection.statements import GuardedCursorFactory, GuardedPreparedStatement, GuardedTransaction
from readonly_guard.domain import DECLARED_PREFIX, Declared, Session, Subject

__all__ = ["GuardedConnection", "ReportedSettings"]


class ReportedSettings:
    """What the server has reported of its settings, as attributes; asyncpg's own object can change codecs, too."""

    __slots__ = ("_settings",)

    def __init__(self, settings: Any) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> str:
        value = None if hasattr(type(self._settings), name) else getattr(self._settings, name, None)
        if not isinstance(value, str):
            raise AttributeError(f"the server has not reported {name}")  # noqa: TRY004  it is not there
        return value


class _Gone:
    """In place of asyncpg's connection when a wrapper has had its time."""

    def __getattr__(self, name: str) -> Any:
        raise asyncpg.InterfaceError(f"cannot call {name}(): this connection was lent for a callback of the pool")


class GuardedConnection(Asking):
    """A session in read mode. Made by :func:`readonly_guard.connect` or acquired from a pool.

    The methods are asyncpg's, with its arguments and results. What differs:

    * A statement that is denied raises :class:`readonly_guard.StatementDenied` and is not sent. A transaction that is
      open is not aborted by it, as it would be behind the proxy.
    * ``timeout`` counts the decision, too.
    * ``copy_to_table`` and ``copy_records_to_table`` are decided, recorded and always denied.
    * Each execution is decided and recorded: of a prepared statement, of each of the arguments of ``executemany``,
      of each batch that a cursor fetches.

    What asyncpg sends by itself is decided and recorded like the rest: BEGIN, SAVEPOINT and their ends, LISTEN, the
    reset of a pool, and the look-up of types that it does not know (a query on the system catalogs, and ``jit`` off
    and on around it). Not decided, because they carry no statement: closing a cursor, a prepared statement or the
    session, and a cancel request. Session and transactions are read-only on the server, too.

    One operation at a time, as in asyncpg; for concurrency use a pool.
    """

    __slots__ = ("__weakref__", "_callbacks", "_desk", "_inner", "_loggers")

    def __init__(self, inner: Any, desk: Desk) -> None:
        self._inner = inner
        self._desk = desk
        self._callbacks: dict[Callable[..., Any], Callable[..., Any]] = {}
        self._loggers: set[Callable[..., Any]] = set()

    def __repr__(self) -> str:
        try:
            state = "closed" if self.is_closed() else "open"
        except asyncpg.InterfaceError:
            state = "released"
        return f"<GuardedConnection of {self._desk.subject.id} to {self._desk.session.database}, {state}>"

    # ------------------------------------------------------------------ who and why

    @property
    def subject(self) -> Subject:
        """Who asks."""
        return self._desk.subject

    @property
    def session(self) -> Session:
        """The session as the log names it."""
        return self._desk.session

    @property
    def declared(self) -> Declared:
        """What is declared now; it goes with every decision."""
        return self._desk.declared

    async def declare(
        self,
        *,
        purpose: str | UnsetType | None = UNSET,
        case_reference: str | UnsetType | None = UNSET,
        print_reason: str | UnsetType | None = UNSET,
        justification: str | UnsetType | None = UNSET,
        language: str | UnsetType | None = UNSET,
    ) -> None:
        """Declare why the session reads, from the next statement on; None takes a declaration back.

        The same as ``SET readonly_guard.purpose = …`` and its like, which is what is run.

        Raises:
            StatementDenied: a value that cannot be.
        """
        given = {
            "purpose": purpose,
            "case_reference": case_reference,
            "print_reason": print_reason,
            "justification": justification,
            "language": language,
        }
        changes = [
            f"SET {DECLARED_PREFIX}{field} = {_literal(value or '')}"
            for field, value in given.items()
            if not isinstance(value, UnsetType)
        ]
        if changes:
            await self.execute("; ".join(changes))

    # ------------------------------------------------------------------ statements

    async def _run(self, method: str, *args: Any, **options: Any) -> Any:
        return await getattr(self._inner, method)(*args, **options)

    def cursor(
        self,
        query: str,
        *args: Any,
        prefetch: int | None = None,
        timeout: float | None = None,
        record_class: type[Any] | None = None,
    ) -> GuardedCursorFactory:
        """A cursor: ``async for row in connection.cursor(…)``, or ``await`` it. Only inside a transaction."""
        return GuardedCursorFactory(
            self._inner.cursor(query, *args, prefetch=prefetch, timeout=timeout, record_class=record_class)
        )

    async def prepare(
        self,
        query: str,
        *,
        name: str | None = None,
        timeout: float | None = None,
        record_class: type[Any] | None = None,
    ) -> GuardedPreparedStatement:
        """Prepare a statement. It is decided now, and again each time it is executed."""
        made = await self._inner.prepare(query, name=name, timeout=timeout, record_class=record_class)
        return GuardedPreparedStatement(made)

    def transaction(
        self,
        *,
        isolation: Literal["serializable", "repeatable_read", "read_uncommitted", "read_committed"] | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> GuardedTransaction:
        """A transaction or savepoint block. It is read-only whether ``readonly`` says so or not."""
        return GuardedTransaction(
            self._inner.transaction(isolation=isolation, readonly=readonly, deferrable=deferrable)
        )

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        answer: bool = self._inner.is_in_transaction()
        return answer

    # ------------------------------------------------------------------ types

    async def set_type_codec(
        self,
        typename: str,
        *,
        schema: str = "public",
        encoder: Callable[[Any], Any],
        decoder: Callable[[Any], Any],
        format: Literal["text", "binary", "tuple"] = "text",
    ) -> None:
        """Have values of a type encoded and decoded by functions of one's own; they run here, not on the server."""
        await self._inner.set_type_codec(typename, schema=schema, encoder=encoder, decoder=decoder, format=format)

    async def reset_type_codec(self, typename: str, *, schema: str = "public") -> None:
        """Take back what :meth:`set_type_codec` set."""
        await self._inner.reset_type_codec(typename, schema=schema)

    async def set_builtin_type_codec(
        self,
        typename: str,
        *,
        schema: str = "public",
        codec_name: str,
        format: Literal["text", "binary"] | None = None,
    ) -> None:
        """Have values of a type treated as those of a built-in one."""
        await self._inner.set_builtin_type_codec(typename, schema=schema, codec_name=codec_name, format=format)

    async def reload_schema_state(self) -> None:
        """Forget what is known of types and prepared statements; runs nothing."""
        await self._inner.reload_schema_state()

    # ------------------------------------------------------------------ listeners

    async def add_listener(self, channel: str, callback: Callable[..., Any]) -> None:
        """LISTEN; the callback gets this connection, process id, channel and payload."""
        await self._inner.add_listener(channel, self._wrapped(callback))

    async def remove_listener(self, channel: str, callback: Callable[..., Any]) -> None:
        """UNLISTEN, when it was the channel's last callback."""
        await self._inner.remove_listener(channel, self._wrapped(callback))

    def add_log_listener(self, callback: Callable[..., Any]) -> None:
        """Have notices of the server handed to a callback, with this connection."""
        self._inner.add_log_listener(self._wrapped(callback))

    def remove_log_listener(self, callback: Callable[..., Any]) -> None:
        """The opposite of :meth:`add_log_listener`."""
        self._inner.remove_log_listener(self._wrapped(callback))

    def add_termination_listener(self, callback: Callable[..., Any]) -> None:
        """Have a callback told, with this connection, that it has ended."""
        self._inner.add_termination_listener(self._wrapped(callback))

    def remove_termination_listener(self, callback: Callable[..., Any]) -> None:
        """The opposite of :meth:`add_termination_listener`."""
        self._inner.remove_termination_listener(self._wrapped(callback))

    def add_query_logger(self, callback: Callable[[Any], Any]) -> None:
        """Have every statement handed to a callback, with its arguments; the password is taken out of the record."""
        self._loggers.add(callback)
        self._inner.add_query_logger(self._without_password(callback))

    def remove_query_logger(self, callback: Callable[[Any], Any]) -> None:
        """The opposite of :meth:`add_query_logger`."""
        self._loggers.discard(callback)
        self._inner.remove_query_logger(self._without_password(callback))

    def _forget_loggers(self) -> None:
        for callback in tuple(self._loggers):
            self.remove_query_logger(callback)

    def _retire(self) -> None:
        """What follows on this connection is for somebody else; whoever kept this wrapper has no part in it."""
        self._inner = _Gone()

    @contextlib.contextmanager
    def query_logger(self, callback: Callable[[Any], Any]) -> Iterator[None]:
        """:meth:`add_query_logger` for the length of a block."""
        self.add_query_logger(callback)
        try:
            yield
        finally:
            self.remove_query_logger(callback)

    def _wrapped(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """The callback as asyncpg gets it; the same each time, so that it can be removed."""

        def hand_over(_connection: Any, *arguments: Any) -> Any:
            return callback(self, *arguments)

        return self._memorised(callback, hand_over)

    def _without_password(self, callback: Callable[[Any], Any]) -> Callable[..., Any]:
        def hand_over(record: Any) -> Any:
            return callback(record._replace(conn_params=record.conn_params._replace(password=None)))

        return self._memorised(callback, hand_over)

    def _memorised(self, callback: Callable[..., Any], hand_over: Callable[..., Any]) -> Callable[..., Any]:
        if callback not in self._callbacks:
            if inspect.iscoroutinefunction(callback):
                self._callbacks[callback] = _as_coroutine_function(hand_over)
            else:
                self._callbacks[callback] = hand_over
        return self._callbacks[callback]

    # ------------------------------------------------------------------ the session

    def get_server_pid(self) -> int:
        """Process id of the server's side."""
        pid: int = self._inner.get_server_pid()
        return pid

    def get_server_version(self) -> Any:
        """The server's version, as asyncpg's named tuple."""
        return self._inner.get_server_version()

    def get_settings(self) -> ReportedSettings:
        """What the server has reported of its settings."""
        return ReportedSettings(self._inner.get_settings())

    def get_reset_query(self) -> str:
        """What :meth:`reset` runs."""
        query: str = self._inner.get_reset_query()
        return query

    async def reset(self, *, timeout: float | None = None) -> None:
        """Bring the session back to how it was opened, its declarations too."""
        await self._inner.reset(timeout=timeout)

    def is_closed(self) -> bool:
        """Whether the connection has ended."""
        answer: bool = self._inner.is_closed()
        return answer

    async def close(self, *, timeout: float | None = None) -> None:
        """End the session in good order."""
        await self._inner.close(timeout=timeout)

    def terminate(self) -> None:
        """Drop the connection."""
        self._inner.terminate()


def _as_coroutine_function(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def waiting(*arguments: Any) -> Any:
        return await function(*arguments)

    return waiting


def _literal(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a declaration is text, not {type(value).__name__}")
    return "'" + value.replace("'", "''") + "'"  # standard_conforming_strings is on: the gate sees to that
