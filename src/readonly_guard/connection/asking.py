"""What a connection and a pool have in common: asyncpg's methods that run one statement and are done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from os import PathLike
from typing import IO, Any, Literal, TypedDict, Unpack

__all__ = ["Asking", "CopyOptions", "Output"]

Output = str | PathLike[str] | IO[bytes] | Callable[[bytes], Awaitable[Any]]
"""Where COPY writes to: a path, a file open for bytes, or a coroutine function that takes bytes."""


class CopyOptions(TypedDict, total=False):
    """Options of COPY … TO STDOUT, as asyncpg takes them (PostgreSQL documentation, COPY)."""

    format: Literal["text", "csv", "binary"] | None
    oids: bool | None
    delimiter: str | None
    null: str | None
    header: bool | None
    quote: str | None
    escape: str | None
    force_quote: bool | Sequence[str] | None
    encoding: str | None


class Asking(ABC):
    """Runs statements, each decided and recorded first.

    All methods raise :class:`readonly_guard.StatementDenied` for what is denied, and what asyncpg raises.
    """

    __slots__ = ()

    @abstractmethod
    async def _run(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of asyncpg's connection."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """Run one statement with arguments, or a text of several without; gives the last command's status."""
        status: str = await self._run("execute", query, *args, timeout=timeout)
        return status

    async def executemany(self, command: str, args: Iterable[Sequence[Any]], *, timeout: float | None = None) -> None:
        """Run a statement for each of ``args``. All are decided first; one that is denied denies all."""
        await self._run("executemany", command, args, timeout=timeout)

    async def fetch(
        self, query: str, *args: Any, timeout: float | None = None, record_class: type[Any] | None = None
    ) -> list[Any]:
        """Run a query and return its rows."""
        rows: list[Any] = await self._run("fetch", query, *args, timeout=timeout, record_class=record_class)
        return rows

    async def fetchval(self, query: str, *args: Any, column: int = 0, timeout: float | None = None) -> Any:
        """Run a query and return a value of its first row, None when it has none."""
        return await self._run("fetchval", query, *args, column=column, timeout=timeout)

    async def fetchrow(
        self, query: str, *args: Any, timeout: float | None = None, record_class: type[Any] | None = None
    ) -> Any:
        """Run a query and return its first row, None when it has none."""
        return await self._run("fetchrow", query, *args, timeout=timeout, record_class=record_class)

    async def fetchmany(
        self,
        query: str,
        args: Iterable[Sequence[Any]],
        *,
        timeout: float | None = None,
        record_class: type[Any] | None = None,
    ) -> list[Any]:
        """Run a query for each of ``args`` and return all rows; decided as :meth:`executemany`."""
        rows: list[Any] = await self._run("fetchmany", query, args, timeout=timeout, record_class=record_class)
        return rows

    async def copy_from_query(
        self, query: str, *args: Any, output: Output, timeout: float | None = None, **options: Unpack[CopyOptions]
    ) -> str:
        """Copy what a query gives to ``output``: a print in the sense of the policies."""
        status: str = await self._run("copy_from_query", query, *args, output=output, timeout=timeout, **options)
        return status

    async def copy_from_table(
        self,
        table_name: str,
        *,
        output: Output,
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
        **options: Unpack[CopyOptions],
    ) -> str:
        """Copy a table to ``output``: a print in the sense of the policies."""
        status: str = await self._run(
            "copy_from_table",
            table_name,
            output=output,
            columns=columns,
            schema_name=schema_name,
            timeout=timeout,
            **options,
        )
        return status

    async def copy_to_table(
        self,
        table_name: str,
        *,
        source: Any,  # noqa: ARG002  never looked at
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
        where: str | None = None,
        **_options: Any,
    ) -> str:
        """Denied: copying into a table is a write. The denial is recorded with the table's name.

        Raises:
            WriteDenied: always.
        """
        # nothing is read from the source: the empty one has no path that asyncpg would open first
        status: str = await self._run(
            "copy_to_table",
            table_name,
            source=bytearray(),
            columns=columns,
            schema_name=schema_name,
            timeout=timeout,
            where=where,
        )
        return status

    async def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
        where: str | None = None,
    ) -> str:
        """Denied, as :meth:`copy_to_table`.

        Raises:
            WriteDenied: always.
        """
        return await self.copy_to_table(
            table_name, source=records, columns=columns, schema_name=schema_name, timeout=timeout, where=where
        )
