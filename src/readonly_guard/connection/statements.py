"""What a connection gives out that can run statements: prepared statements, cursors, transactions. Thin wrappers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from types import TracebackType
from typing import Any

__all__ = [
    "GuardedCursor",
    "GuardedCursorFactory",
    "GuardedCursorIterator",
    "GuardedPreparedStatement",
    "GuardedTransaction",
]


class GuardedPreparedStatement:
    """A prepared statement; each execution is decided and recorded."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def get_name(self) -> str:
        """Its name on the server."""
        name: str = self._inner.get_name()
        return name

    def get_query(self) -> str:
        """Its text."""
        query: str = self._inner.get_query()
        return query

    def get_statusmsg(self) -> str | None:
        """The status of the last execution, None before the first."""
        status: str | None = self._inner.get_statusmsg()
        return status

    def get_parameters(self) -> tuple[Any, ...]:
        """The types of its parameters."""
        types: tuple[Any, ...] = self._inner.get_parameters()
        return types

    def get_attributes(self) -> tuple[Any, ...]:
        """Names and types of what it gives."""
        attributes: tuple[Any, ...] = self._inner.get_attributes()
        return attributes

    def cursor(self, *args: Any, prefetch: int | None = None, timeout: float | None = None) -> GuardedCursorFactory:
        """A cursor over it, as :meth:`readonly_guard.GuardedConnection.cursor`."""
        return GuardedCursorFactory(self._inner.cursor(*args, prefetch=prefetch, timeout=timeout))

    async def explain(self, *args: Any, analyze: bool = False) -> Any:
        """Its plan; with ``analyze`` it is executed for it, in a transaction that is rolled back."""
        return await self._inner.explain(*args, analyze=analyze)

    async def fetch(self, *args: Any, timeout: float | None = None) -> list[Any]:
        """Execute it and return its rows."""
        rows: list[Any] = await self._inner.fetch(*args, timeout=timeout)
        return rows

    async def fetchval(self, *args: Any, column: int = 0, timeout: float | None = None) -> Any:
        """Execute it and return a value of its first row, None when it has none."""
        return await self._inner.fetchval(*args, column=column, timeout=timeout)

    async def fetchrow(self, *args: Any, timeout: float | None = None) -> Any:
        """Execute it and return its first row, None when it has none."""
        return await self._inner.fetchrow(*args, timeout=timeout)

    async def fetchmany(self, args: Iterable[Sequence[Any]], *, timeout: float | None = None) -> list[Any]:
        """Execute it for each of ``args`` and return all rows."""
        rows: list[Any] = await self._inner.fetchmany(args, timeout=timeout)
        return rows

    async def executemany(self, args: Iterable[Sequence[Any]], *, timeout: float | None = None) -> None:
        """Execute it for each of ``args``."""
        await self._inner.executemany(args, timeout=timeout)


class GuardedCursorFactory:
    """A cursor to be: iterate over it, or await it for a :class:`GuardedCursor`."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __aiter__(self) -> AsyncIterator[Any]:
        return GuardedCursorIterator(self._inner.__aiter__())

    def __await__(self) -> Generator[Any, None, GuardedCursor]:
        inner = yield from self._inner.__await__()
        return GuardedCursor(inner)


class GuardedCursorIterator:
    """Rows of a cursor; each batch that is fetched is decided."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __aiter__(self) -> GuardedCursorIterator:
        return self

    async def __anext__(self) -> Any:
        return await self._inner.__anext__()


class GuardedCursor:
    """An open cursor; each fetch is decided."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def fetch(self, n: int, *, timeout: float | None = None) -> list[Any]:
        """The next ``n`` rows."""
        rows: list[Any] = await self._inner.fetch(n, timeout=timeout)
        return rows

    async def fetchrow(self, *, timeout: float | None = None) -> Any:
        """The next row, None at the end."""
        return await self._inner.fetchrow(timeout=timeout)

    async def forward(self, n: int, *, timeout: float | None = None) -> int:
        """Pass over the next ``n`` rows; gives how many there were."""
        passed: int = await self._inner.forward(n, timeout=timeout)
        return passed


class GuardedTransaction:
    """A transaction or savepoint block: ``async with``, or start and commit or roll back."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __aenter__(self) -> None:
        await self._inner.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    async def start(self) -> None:
        """Enter the block."""
        await self._inner.start()

    async def commit(self) -> None:
        """Leave the block."""
        await self._inner.commit()

    async def rollback(self) -> None:
        """Leave the block and take back what was set in it."""
        await self._inner.rollback()
