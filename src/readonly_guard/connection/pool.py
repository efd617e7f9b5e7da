"""GuardedPool: asyncpg's pool for callers, whose connections are guarded, each acquired for somebody."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, NamedTuple, Self, Unpack

import asyncpg

from readonly_guard.connection.asking import Asking
from readonly_guard.connection.denied import StatementDenied
from readonly_guard.connection.desk import Desk
from readonly_guard.connection.guarded import GuardedConnection
from readonly_guard.connection.opening import ConnectOptions, GatedConnection, Opening, new_session_id
from readonly_guard.domain import Declared, Language, Subject
from readonly_guard.guard import Guard

__all__ = ["Acquisition", "GuardedPool", "create_pool"]

Callback = Callable[[GuardedConnection], Awaitable[None]]


class _Taken(NamedTuple):
    """What belongs to an acquired connection: asyncpg's proxy, and the desk, if it was opened for this acquisition."""

    proxy: Any
    desk: Desk | None


class Acquisition:
    """A connection to be: await it, or use it with ``async with``, which releases it at the end."""

    __slots__ = ("_connection", "_is_used", "_pool", "_take")

    def __init__(self, pool: GuardedPool, take: Callable[[], Awaitable[GuardedConnection]]) -> None:
        self._pool = pool
        self._take = take
        self._connection: GuardedConnection | None = None
        self._is_used = False

    def __await__(self) -> Generator[Any, None, GuardedConnection]:
        return self._once().__await__()

    async def _once(self) -> GuardedConnection:
        if self._is_used:
            raise asyncpg.InterfaceError("a connection is already acquired")
        self._is_used = True
        return await self._take()

    async def __aenter__(self) -> GuardedConnection:
        self._connection = await self._once()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.release(connection)


class GuardedPool(Asking):
    """Connections in read mode, shared. Made by :func:`readonly_guard.create_pool`.

    The methods are asyncpg's; those that run statements do so on any of the connections, for the pool's subject.
    :meth:`acquire` can say who it is for: then the log has a session of that person's for as
    long as the connection is acquired. A released connection is reset; one that cannot be reset, because the log or the
    policies do not allow even that, is closed.
    """

    __slots__ = ("__weakref__", "_acquired", "_init", "_inner", "_reset", "_setup")

    def __init__(
        self,
        opening: Opening,
        *,
        setup: Callback | None,
        init: Callback | None,
        reset: Callback | None,
        **sizes: Any,
    ) -> None:
        async def connect(*_arguments: Any, **_options: Any) -> GatedConnection:
            return await opening.connect()

        self._setup = setup
        self._init = init
        self._reset = reset
        self._acquired: weakref.WeakKeyDictionary[GuardedConnection, _Taken | None] = weakref.WeakKeyDictionary()
        self._inner = asyncpg.create_pool(
            connect=connect,
            connection_class=GatedConnection,
            init=None if init is None else self._initialised,
            reset=None if reset is None else self._is_reset,
            **sizes,
        )

    def __await__(self) -> Generator[Any, None, Self]:
        return self._started().__await__()

    async def __aenter__(self) -> Self:
        return await self._started()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _started(self) -> Self:
        await self._inner
        return self

    async def _initialised(self, opened: GatedConnection) -> None:
        await _lent(opened, self._init)

    async def _is_reset(self, opened: GatedConnection) -> None:
        await _lent(opened, self._reset)
        await opened.reset()  # whatever the caller's reset leaves, declarations do not stay for the next

    # ------------------------------------------------------------------ acquiring

    def acquire(
        self,
        *,
        timeout: float | None = None,
        subject: str | Subject | None = None,
        purpose: str | None = None,
        case_reference: str | None = None,
        print_reason: str | None = None,
        justification: str | None = None,
    ) -> Acquisition:
        """A connection: ``async with pool.acquire(…) as connection``, or ``await`` and :meth:`release`.

        Args:
            timeout: for waiting until one is free.
            subject: who it is for; left out, the pool's.
            purpose: declared for this time, as the three below; left out, the pool's.
            case_reference: for purposes that want one.
            print_reason: declares that what is read is printed.
            justification: why emergency access is needed.

        Raises:
            StatementDenied: when awaited, if what is declared cannot be, or may not be by this person.
        """
        given = {
            "purpose": purpose,
            "case_reference": case_reference,
            "print_reason": print_reason,
            "justification": justification,
        }
        declared = {field: value for field, value in given.items() if value is not None}
        whom = Subject(id=subject) if isinstance(subject, str) else subject
        return Acquisition(self, lambda: self._acquire(timeout, whom, declared))

    async def _acquire(
        self, timeout: float | None, subject: Subject | None, declared: dict[str, str]
    ) -> GuardedConnection:
        proxy = await self._inner.acquire(timeout=timeout)
        own: Desk = proxy.own_desk
        own.start_over()
        desk = None if subject is None else own.for_another(subject, new_session_id())
        proxy.gate.passage.desk = desk or own
        connection = GuardedConnection(proxy, desk or own)
        self._acquired[connection] = _Taken(proxy, desk)
        if desk is not None:
            desk.open()
        try:
            if self._setup is not None:
                await self._setup(connection)
            await connection.declare(**declared)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: GuardedConnection, *, timeout: float | None = None) -> None:
        """Give a connection back; a second time does nothing.

        Raises:
            asyncpg.InterfaceError: it is not this pool's.
        """
        if connection not in self._acquired:
            raise asyncpg.InterfaceError(f"{connection!r} is not a member of this pool")
        taken = self._acquired[connection]
        if taken is None:
            return
        self._acquired[connection] = None
        connection._forget_loggers()  # noqa: SLF001  asyncpg leaves them there, for the next one to be listened to
        try:
            await self._inner.release(taken.proxy, timeout=timeout)
        except StatementDenied:
            pass  # asyncpg closes a connection that it cannot reset, and the denial is in the log
        finally:
            if taken.desk is not None:
                taken.desk.close()

    async def _run(self, method: str, *args: Any, **options: Any) -> Any:
        async with self.acquire() as connection:
            return await getattr(connection, method)(*args, **options)

    # ------------------------------------------------------------------ the pool

    def is_closing(self) -> bool:
        """Whether it is closed, or being closed."""
        answer: bool = self._inner.is_closing()
        return answer

    def get_size(self) -> int:
        """How many connections there are."""
        number: int = self._inner.get_size()
        return number

    def get_init_size(self) -> int:
        """How many it began with."""
        number: int = self._inner.get_init_size()
        return number

    def get_min_size(self) -> int:
        """How many are kept."""
        number: int = self._inner.get_min_size()
        return number

    def get_max_size(self) -> int:
        """How many there may be."""
        number: int = self._inner.get_max_size()
        return number

    def get_idle_size(self) -> int:
        """How many are free."""
        number: int = self._inner.get_idle_size()
        return number

    async def expire_connections(self) -> None:
        """Have each connection replaced when it is next acquired or released."""
        await self._inner.expire_connections()

    async def close(self) -> None:
        """Wait until all connections are released, and close them."""
        await self._inner.close()

    def terminate(self) -> None:
        """Drop all connections."""
        self._inner.terminate()


async def _lent(opened: GatedConnection, callback: Callback | None) -> None:
    """Have a callback awaited with a connection that is nobody's yet; nothing of it works afterwards."""
    connection = GuardedConnection(opened, opened.gate.passage.desk)
    try:
        if callback is not None:
            await callback(connection)
    finally:
        connection._retire()  # noqa: SLF001  the pool is what lent it
        opened.retire_statements()


def create_pool(
    dsn: str | None = None,
    *,
    guard: Guard,
    subject: str | Subject | None = None,
    purpose: str | None = None,
    case_reference: str | None = None,
    print_reason: str | None = None,
    justification: str | None = None,
    language: Language = "en",
    init_size: int | None = None,
    min_size: int = 10,
    max_size: int = 10,
    max_queries: int = 50_000,
    max_inactive_connection_lifetime: float = 300.0,
    setup: Callback | None = None,
    init: Callback | None = None,
    reset: Callback | None = None,
    **options: Unpack[ConnectOptions],
) -> GuardedPool:
    """A pool as :func:`asyncpg.create_pool` makes it, of guarded connections; ``async with`` it, or ``await`` it.

    Args:
        dsn: as for :func:`readonly_guard.connect`, which the arguments up to ``language`` are those of.
        guard: decides; it stays the caller's to close, after the pool.
        subject: who asks, unless :meth:`GuardedPool.acquire` says for whom.
        purpose: why, unless :meth:`GuardedPool.acquire` says.
        case_reference: for purposes that want one.
        print_reason: declares that what is read is printed.
        justification: why emergency access is needed.
        language: of denials.
        init_size: as asyncpg's, and so are the sizes and times that follow.
        min_size: see there.
        max_size: see there.
        max_queries: see there.
        max_inactive_connection_lifetime: in seconds.
        setup: is awaited with each connection that is acquired.
        init: is awaited with each connection that is made.
        reset: is awaited with each connection that is released, before it is reset as asyncpg does.
        options: as for :func:`readonly_guard.connect`.

    Raises:
        TypeError: an option that there is not; asyncpg's ``connect``, ``connection_class`` and ``loop`` are not.
    """
    opening = Opening(
        guard=guard,
        subject=subject,
        declared=Declared(
            purpose=purpose, case_reference=case_reference, print_reason=print_reason, justification=justification
        ),
        language=language,
        dsn=dsn,
        options=options,
    )
    return GuardedPool(
        opening,
        setup=setup,
        init=init,
        reset=reset,
        init_size=init_size,
        min_size=min_size,
        max_size=max_size,
        max_queries=max_queries,
        max_inactive_connection_lifetime=max_inactive_connection_lifetime,
    )
