"""The gate: stands where asyncpg's protocol object stands, so that no text reaches the server undecided.

asyncpg's Connection, PreparedStatement, Cursor, Transaction and Pool send everything through one object, the protocol
in ``Connection._protocol``. The gate takes its place there. It sees what a caller runs and also what asyncpg sends by
itself: BEGIN and SAVEPOINT, LISTEN, the reset of a pool, FETCH and MOVE of cursors, the look-up of types. Each method
that runs a text has it decided, waits until the decision is durable, and only then lets the protocol have it; each
further one that asyncpg uses is named here, and what is not named is an AttributeError. So a new version of asyncpg can
break, but not open, the gate.

The phases are those of the wire: a prepared statement is decided when it is parsed and again each time it is executed
(decision 0003), and declarations take effect when they are released (decision 0002).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Literal, TypeVar

from readonly_guard.connection.arguments import Arguments, kept
from readonly_guard.connection.denied import ConnectionDenied
from readonly_guard.connection.desk import Desk
from readonly_guard.connection.names import NamesOfSql
from readonly_guard.connection.passage import Passage
from readonly_guard.domain import Decision, EarlierStatement, Parameters, Reading, core_reason

__all__ = ["Gate"]

T = TypeVar("T")

_NAME_BYTES: Final = 63  # NAMEDATALEN - 1: PostgreSQL compares longer names by their first 63 bytes
_UTF8: Final = frozenset({"UTF8", "UTF-8"})
_MUST_BE: Final = {"standard_conforming_strings": "on", "default_transaction_read_only": "on"}
_MUST_COME: Final = ("client_encoding", "standard_conforming_strings")


class Gate:
    """One connection's protocol object, guarded.

    Args:
        protocol: asyncpg's.
        desk: asks for decisions; another takes its place when somebody else gets the connection from a pool.
        user: the database user who logged in; the session must stay that user's.
    """

    def __init__(self, protocol: Any, desk: Desk, user: str) -> None:
        self._protocol = protocol
        self._user = user
        self._statements: dict[str, str] = {}
        self._portals: dict[str, EarlierStatement] = {}
        self._by_sql = NamesOfSql()
        self._running: tuple[Reading, ...] = ()
        self.own_codecs: frozenset[tuple[str, str]] = frozenset()
        """(schema, name) of types whose values the caller encodes by himself."""
        self.passage = Passage(desk, self._released)

    def begin(self) -> None:
        """See that the server has reported what the guard relies on.

        Raises:
            ConnectionDenied: it has not; the connection was dropped.
        """
        self._distrust(_MUST_COME)

    # ------------------------------------------------------------------ what runs a text

    async def query(self, query: str, timeout: Any) -> str:
        """Simple query: one or several statements in one text."""

        async def run(rest: float | None) -> str:
            status: str = await self._protocol.query(query, rest)
            return status

        return await self._pass("query", query, timeout, run, _rows_of)

    async def prepare(
        self,
        stmt_name: str,
        query: str,
        timeout: Any,
        *,
        state: Any = None,
        ignore_custom_codec: bool = False,
        record_class: Any,
    ) -> Any:
        """Parse and Describe."""
        if not _is_followed(stmt_name):
            await self.passage.desk.refuse(
                "parse", "RG-T05", "a statement name that is not ASCII of at most 63 characters"
            )

        async def run(rest: float | None) -> Any:
            self._statements.pop("", None)  # replaced, or, if this fails half-way, unknown
            made = await self._protocol.prepare(
                stmt_name, query, rest, state=state, ignore_custom_codec=ignore_custom_codec, record_class=record_class
            )
            self._statements[stmt_name] = query
            return made

        return await self._pass("parse", query, timeout, run, _no_rows)

    async def bind_execute(
        self,
        state: Any,
        args: Sequence[Any],
        portal_name: str,
        limit: int,
        return_extra: bool,
        timeout: Any,
    ) -> Any:
        """Bind and Execute a prepared statement."""
        text, values = await self._text_of(state), kept(args)
        arguments = self._arguments(state, values)

        async def run(rest: float | None) -> Any:
            self._binds(state)
            result = await self._protocol.bind_execute(state, values, portal_name, limit, True, rest)
            self._bound(state, portal_name, arguments)
            return result

        result = await self._pass("execute", text, timeout, run, _rows_fetched, arguments=[arguments])
        return result if return_extra else result[0]

    async def bind_execute_many(
        self,
        state: Any,
        args: Iterable[Sequence[Any]],
        portal_name: str,
        timeout: Any,
        return_rows: bool,
    ) -> Any:
        """Bind and Execute a prepared statement once for each of ``args``, each a decision of its own."""
        text, each = await self._text_of(state), [kept(values) for values in args]

        async def run(rest: float | None) -> Any:
            self._binds(state)
            result = await self._protocol.bind_execute_many(state, each, portal_name, rest, return_rows)
            self._bound(state)
            return result

        arguments = [self._arguments(state, values) for values in each]
        return await self._pass("execute", text, timeout, run, _no_rows, arguments=arguments)

    async def bind(self, state: Any, args: Sequence[Any], portal_name: str, timeout: Any) -> Any:
        """Bind a cursor: nothing runs yet."""
        await self._text_of(state)
        values = kept(args)
        self._binds(state)
        result = await self._protocol.bind(state, values, portal_name, timeout)
        self._bound(state, portal_name, self._arguments(state, values))
        return result

    async def execute(self, state: Any, portal_name: str, limit: int, return_extra: Any, timeout: Any) -> Any:
        """Fetch from a cursor."""
        if portal_name not in self._portals:
            await self.passage.desk.refuse("execute", "RG-T05", "portal not bound by protocol")
        portal = self._portals[portal_name]

        async def run(rest: float | None) -> Any:
            return await self._protocol.execute(state, portal_name, limit, True, rest)

        result = await self._pass("execute", portal.text, timeout, run, _rows_fetched, arguments=[portal.parameters])
        return result if return_extra else result[0]

    async def copy_out(self, copy_stmt: str, sink: Callable[[bytes], Awaitable[Any]], timeout: Any) -> str:
        """COPY … TO STDOUT."""
        sent = [0]

        async def counted(data: bytes) -> None:
            sent[0] += len(data)
            await sink(data)

        async def run(rest: float | None) -> str:
            status: str = await self._protocol.copy_out(copy_stmt, counted, rest)
            return status

        return await self._pass("query", copy_stmt, timeout, run, _rows_of, sent=sent)

    async def copy_in(self, copy_stmt: str, *_data: Any) -> str:
        """COPY … FROM STDIN: decided for the log, which names the table, and never released.

        Raises:
            StatementDenied: always.
        """
        await self.passage.desk.decide("query", copy_stmt)
        await self.passage.desk.refuse("query", "RG-T05", "COPY FROM STDIN")
        raise AssertionError("a refusal that allows")

    # ------------------------------------------------------------------ what runs none

    async def close_portal(self, portal_name: str, timeout: Any) -> Any:
        """Close a cursor."""
        self._portals.pop(portal_name, None)
        return await self._protocol.close_portal(portal_name, timeout)

    async def close_statement(self, state: Any, timeout: Any) -> Any:
        """Close a prepared statement."""
        self._statements.pop(state.name, None)
        return await self._protocol.close_statement(state, timeout)

    def get_settings(self) -> Any:
        """What the server has reported, and the codecs."""
        return self._protocol.get_settings()

    def get_server_pid(self) -> int:
        """Process id of the server's side."""
        pid: int = self._protocol.get_server_pid()
        return pid

    def get_record_class(self) -> Any:
        """The class of records."""
        return self._protocol.get_record_class()

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        answer: bool = self._protocol.is_in_transaction()
        return answer

    def is_connected(self) -> bool:
        """Whether the connection stands."""
        answer: bool = self._protocol.is_connected()
        return answer

    @property
    def queries_count(self) -> int:
        """How many queries there were; a pool renews its connections by it."""
        count: int = self._protocol.queries_count
        return count

    @property
    def backend_pid(self) -> Any:
        """What a cancel request names."""
        return self._protocol.backend_pid

    @property
    def backend_secret(self) -> Any:
        """What a cancel request proves itself with."""
        return self._protocol.backend_secret

    def _get_timeout(self, timeout: Any) -> float | None:
        seconds: float | None = self._protocol._get_timeout(timeout)  # noqa: SLF001  the gate is asyncpg's inside
        return seconds

    def _is_cancelling(self) -> bool:
        answer: bool = self._protocol._is_cancelling()  # noqa: SLF001  as above
        return answer

    async def _wait_for_cancellation(self, timeout: float | None = None) -> float | None:
        rest: float | None = await self._protocol._wait_for_cancellation(timeout)  # noqa: SLF001  as above
        return rest

    def abort(self) -> None:
        """Drop the connection."""
        self._protocol.abort()

    async def close(self, timeout: Any) -> None:
        """End the session."""
        await self._protocol.close(timeout)

    # ------------------------------------------------------------------ before and as a text is sent

    async def _pass(
        self,
        phase: str,
        text: str,
        timeout: Any,
        run: Callable[[float | None], Awaitable[T]],
        rows: Callable[[T], int | None],
        *,
        arguments: Sequence[Parameters | None] = (None,),
        sent: Sequence[int] = (0,),
    ) -> T:
        async def check(desk: Desk) -> None:
            self._distrust(())
            if not text.isascii() and self.get_settings().client_encoding.upper() not in _UTF8:
                await desk.refuse(phase, "RG-T07", "asyncpg writes UTF-8, whatever client_encoding was set to")

        async def run_and_learn(rest: float | None) -> T:
            try:
                result = await run(rest)
                self._by_sql.learn(self._running, text)
            finally:
                self._running = ()
            if not self.is_in_transaction():  # cursors have ended with it
                self._portals.clear()
                self._by_sql.end_transaction()
            return result

        seconds = self._get_timeout(timeout)
        return await self.passage.take(
            phase, text, seconds, run_and_learn, rows, check=check, earlier=self, arguments=arguments, sent=sent
        )

    def _released(self, decision: Decision) -> None:
        self._running = decision.analysis.readings
        for reading in self._running:
            if reading.prepares is not None:
                # SQL may put another text behind a name that asyncpg gave: what is asked for must be what runs
                cut = reading.prepares.encode()[:_NAME_BYTES]
                self._statements.pop(cut.decode(errors="replace"), None)
            elif reading.kind == "declare_cursor" or reading.moves_cursors:
                self._portals.clear()
        self._by_sql.forget(self._running)

    def find(self, kind: Literal["statement", "cursor"], name: str) -> EarlierStatement | None:
        """What EXECUTE or FETCH of a name refers to; :class:`readonly_guard.domain.Earlier`."""
        if kind == "cursor":
            ours = self._portals.get(name)
        else:
            text = self._statements.get(name)
            ours = None if text is None else EarlierStatement(text)
        theirs = self._by_sql.find(kind, name)
        return (ours or theirs) if ours is None or theirs is None else None

    async def _text_of(self, state: Any) -> str:
        """The text behind a prepared statement, as long as it is certain that the server has the same.

        Raises:
            StatementDenied: it is not.
        """
        text: str = state.query
        if state.prepared and self._statements.get(state.name) != text:
            await self.passage.desk.refuse("execute", "RG-T05", "a prepared statement whose name means another by now")
        return text

    def _arguments(self, state: Any, values: Any) -> Arguments:
        return Arguments(values, state._get_parameters, self.own_codecs)  # noqa: SLF001  as PreparedStatement does

    def _binds(self, state: Any) -> None:
        """A Bind is about to be sent; asyncpg sends a Parse along with some, which may fail half-way."""
        if not state.prepared:
            self._statements.pop(state.name, None)

    def _bound(self, state: Any, portal: str = "", arguments: Arguments | None = None) -> None:
        """A Bind, and what was sent along, has succeeded."""
        if not state.prepared:
            self._statements[state.name] = state.query
        if portal and arguments is not None:
            self._portals[portal] = EarlierStatement(state.query, arguments)

    def _distrust(self, must_come: Iterable[str]) -> None:
        """Hold what the server has reported against what the guard relies on.

        Raises:
            ConnectionDenied: it differs; the connection was dropped.
        """
        settings = self.get_settings()
        wrong = [f"the server did not report {name}" for name in must_come if getattr(settings, name, None) is None]
        for name, value in (*_MUST_BE.items(), ("session_authorization", self._user)):
            if getattr(settings, name, value) != value:
                wrong.append(f"{name} is not what the guard relies on")
        if wrong:
            self.abort()
            raise ConnectionDenied([core_reason("RG-T06", what) for what in wrong], self.passage.desk.language)


def _is_followed(name: str) -> bool:
    return name.isascii() and len(name) <= _NAME_BYTES and "\0" not in name


def _rows_of(status: str) -> int | None:
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else None


def _rows_fetched(result: tuple[list[Any], bytes | None, bool]) -> int | None:
    rows, status, _ = result
    return len(rows) if rows or not status else _rows_of(status.decode())


def _no_rows(_result: Any) -> None:
    return None
