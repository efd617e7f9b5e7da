"""The log that a plugin has carried to PostgreSQL: brought back as a journal, byte for byte, and checked on the way.

`readonly_guard_plugins.audit_postgres` keeps of each record the text that its hash was made of, so every line can be
written again as the guard wrote it. From there on the copy is a log like any other: the same check, the same signed
heads, the same import. What the database says is read to its end each time: a row that was rewritten after it was
copied is found as well. The copy itself proves nothing, and is made anew where anything is wrong.
"""

from __future__ import annotations

import asyncio
import fcntl
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from readonly_guard.audit import GENESIS, Head, KeyRing
from readonly_guard.audit.chain import envelope
from readonly_guard.audit.chains import CUSTODY
from readonly_guard.audit.sealing import is_seal, seal
from readonly_guard.audit.segments import Segment, lines, list_segments
from readonly_guard.audit.starts import removed_heads
from readonly_guard.errors import ConfigurationError
from readonly_guard.review.wholeness import BrokenLog
from readonly_guard.settings import is_this_machine

__all__ = ["CARRIED", "brought_back", "check_dsn"]

CARRIED: Final = "carried"
"""The directory of the copies, in that of the review."""

_TIMEOUT_S: Final = 30.0
_AT_ONCE: Final = 1_000
_SEGMENT_BYTES: Final = 64 * 1024 * 1024
_CHAIN_NAME: Final = re.compile(r"[^./\0][^/\0]{0,200}")

# What is searched by must be what the record says: NUL is stored as U+FFFD, the rest as it is.
_AGREES: Final = r"""
    type = record ->> 'type' AND time = (record ->> 'time')::timestamptz
    AND (decision_id, session_id, subject, hsa_id, care_unit, purpose, activity, verdict) IS NOT DISTINCT FROM
        (record ->> 'decision_id', record ->> 'session_id', record ->> 'subject', record ->> 'hsa_id',
         record ->> 'care_unit', record ->> 'purpose', record ->> 'activity', record ->> 'verdict')
    AND to_jsonb(codes) IS NOT DISTINCT FROM CASE type WHEN 'decision' THEN record -> 'codes' END
    AND to_jsonb(patients) IS NOT DISTINCT FROM CASE type WHEN 'decision' THEN record -> 'patients' END
    AND record = CASE WHEN position('\u0000' IN canonical) = 0 THEN canonical::jsonb
                      ELSE regexp_replace(canonical, '(?<!\\)((?:\\\\)*)\\u0000', U&'\\1\FFFD', 'g')::jsonb END
"""
_HEADS: Final = "SELECT chain, seq, hash FROM readonly_guard_log.chain WHERE seq > 0 ORDER BY chain <> $1, chain"
_STRANGERS: Final = "SELECT chain FROM readonly_guard_log.entry WHERE chain <> ALL ($1::text[]) LIMIT 1"
_ROWS: Final = f"""
SELECT seq, hash, canonical, {_AGREES} AS agrees FROM readonly_guard_log.entry WHERE chain = $1 ORDER BY seq
"""  # noqa: S608  our own text


def check_dsn(dsn: str) -> None:
    """That the log will not come over a network in the clear, or from whoever answers.

    Raises:
        ConfigurationError: it will; or the text is no PostgreSQL URI.
    """
    try:
        parts = urlsplit(dsn)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        host = asked.get("host", parts.hostname or "")
    except ValueError:
        parts, asked, host = urlsplit(""), {}, ""
    if parts.scheme not in {"postgresql", "postgres"} or not host:
        raise ConfigurationError("is written postgresql://role@host/database")
    if not host.startswith("/") and not is_this_machine(host) and asked.get("sslmode") != "verify-full":
        raise ConfigurationError("another machine's log is read with sslmode=verify-full only")


@contextmanager
def brought_back(databases: Mapping[str, str], directory: Path, public_keys: tuple[str, ...]) -> Iterator[None]:
    """For as long as the block takes, the copies hold what the databases do, and nobody else writes them.

    Each database is read to its end, and what is new is added to its copy. A log that is not whole, in a database or
    in the block's eyes, costs its copy.

    Args:
        databases: connection strings by name, of roles that may read the log's tables (`readonly_guard_log_reader`).
        directory: the review's; the copies are journals below it, in ``carried/NAME``.
        public_keys: files of the keys that may have signed.

    Raises:
        BrokenLog: a row was changed, added or removed.
        ConfigurationError: a database cannot be read, or a copy not written.
    """
    with ExitStack() as held:
        place = directory / CARRIED
        try:
            if databases:
                place.mkdir(mode=0o700, exist_ok=True)
                lock = held.enter_context((place / ".lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            keys = KeyRing.load(Path(item) for item in public_keys)
            for name, dsn in databases.items():
                _bring_back(name, dsn, place / name, keys)
            yield
        except BrokenLog:
            for name in databases:
                shutil.rmtree(place / name, ignore_errors=True)
            raise
        except OSError as error:
            raise ConfigurationError(f"{error.filename or place}: cannot be written: {error.strerror}") from error


def _bring_back(name: str, dsn: str, copy: Path, keys: KeyRing) -> None:
    try:
        asyncio.run(_read(name, dsn, copy, keys))
    except asyncpg.DataError:
        raise BrokenLog(f"the database {name!r} holds a row of the log that holds no record: it was changed") from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, TimeoutError, ConnectionError) as error:
        state = getattr(error, "sqlstate", None)
        what = (
            f"SQLSTATE {state}" if state else type(error.__cause__ or error).__name__
        )  # its text may show what it was connected with
        raise ConfigurationError(
            f"databases.{name}: the log cannot be read: {what}. Is the server up, `dsn` in review.toml right, are its"
            " tables up to date (docs/plugins.md), and has the role been granted readonly_guard_log_reader?"
        ) from None


async def _read(name: str, dsn: str, copy: Path, keys: KeyRing) -> None:
    connection = await _connected(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            heads = {
                row["chain"]: Head(seq=row["seq"], hash=row["hash"]) for row in await connection.fetch(_HEADS, CUSTODY)
            }
            _check_names(name, heads, copy)
            if (stranger := await connection.fetchval(_STRANGERS, list(heads))) is not None:
                raise BrokenLog(f"the database {name!r} has records of a chain {stranger!r} that nobody carried there")
            for chain, head in heads.items():  # custody first: it says behind which records others may begin
                starts = removed_heads(copy / CUSTODY, chain, keys)
                found = _Chain(f"the database {name!r}: the chain {chain!r}", copy / chain, head, starts)
                await found.follow(connection.cursor(_ROWS, chain, prefetch=_AT_ONCE))
    finally:
        await connection.close(timeout=_TIMEOUT_S)


async def _connected(dsn: str) -> Any:
    try:
        return await asyncpg.connect(
            dsn,
            timeout=_TIMEOUT_S,
            server_settings={
                "default_transaction_read_only": "on",
                "timezone": "UTC",
                "application_name": "readonly-guard review",
            },
        )
    except OSError as error:  # of names and sockets as well; files are another matter
        raise ConnectionError from error


def _check_names(name: str, heads: dict[str, Head], copy: Path) -> None:
    """That every chain can be a directory, and that none has gone."""
    for chain in heads:
        if not _CHAIN_NAME.fullmatch(chain):
            raise BrokenLog(f"the database {name!r} has a chain {chain!r}, which no journal can have")
    copied = {item.name for item in copy.iterdir() if item.is_dir()} if copy.is_dir() else set()
    for lost in sorted(copied - heads.keys()):
        raise BrokenLog(f"the database {name!r}: the chain {lost!r} was there before, and is not any more")
    if not heads:
        raise ConfigurationError(
            f"databases.{name}: holds no record yet: readonly-guard audit forward carries them there"
        )


class _Chain:
    """One chain, followed from its first row to its last; the copy grows by what it has not."""

    def __init__(self, what: str, path: Path, head: Head, starts: dict[int, str]) -> None:
        self._what = what
        self._path = path
        self._end = head
        self._starts = starts
        self._copied = _copied(path)
        self._file: BinaryIO | None = None
        self._is_full = False

    async def follow(self, rows: AsyncIterator[Any]) -> None:
        """Check each row against the one before it."""
        head: Head | None = None
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            async for seq, digest, canonical, agrees in rows:
                if head is None:
                    head = self._beginning(seq)
                head = self._next(head, seq, digest, canonical, agrees)
        finally:
            if self._file is not None:
                self._file.close()
        head = head or Head()
        if head != self._end:
            raise self._broken(f"it ends with record {head.seq}, but {self._end.seq} were carried: its end was cut off")
        if head.seq < self._copied.seq:
            raise self._broken(f"it ends with record {head.seq}, but held record {self._copied.seq} before")

    def _beginning(self, first: int) -> Head:
        """The head behind which the chain begins: nothing, or what a signed record says was removed."""
        before = self._starts.get(first - 1, GENESIS if first == 1 else None)
        if before is None:
            raise self._broken(f"it begins with record {first}: those before it are missing")
        return Head(seq=first - 1, hash=before)

    def _next(self, head: Head, seq: int, digest: str, canonical: str | None, agrees: bool | None) -> Head:  # noqa: FBT001  a row
        if seq != head.seq + 1:
            raise self._broken(
                f"record {seq} stands where record {head.seq + 1} belongs: "
                + ("records are missing" if seq > head.seq else "it was inserted or repeated")
            )
        if canonical is None:
            raise ConfigurationError(
                f"{self._what}: record {seq} was carried without the text that its hash was made of, by an earlier"
                " version; carry the log again (docs/plugins.md)"
            )
        line = seal(seq, head.hash, canonical.encode())
        if line.hash != digest or (seq == self._copied.seq and digest != self._copied.hash):
            raise self._broken(
                f"record {seq} was changed: its hash is not that of its content and the record before it"
            )
        if not agrees:
            raise self._broken(f"record {seq} was changed: its columns are not what its record says")
        if seq > self._copied.seq:
            self._write(line.data, seq)
        return Head(seq=seq, hash=digest)

    def _write(self, data: bytes, seq: int) -> None:
        """Add a line; a segment ends, as those of the guard do, with a signed head."""
        if self._file is None or self._is_full:
            if self._file is not None:
                self._file.close()
            segments = list_segments(self._path)
            is_new = self._is_full or not segments
            path = self._path / f"journal-{seq:020d}.jsonl" if is_new else segments[-1].path
            self._file = path.open("ab")
        self._file.write(data)
        self._is_full = is_seal(data) and self._file.tell() >= _SEGMENT_BYTES

    def _broken(self, what: str) -> BrokenLog:
        return BrokenLog(f"{self._what} is broken: {what}")


def _copied(path: Path) -> Head:
    """The last record of a copy. What a crash left half written behind it is cut off: the database has it."""
    segments = list_segments(path) if path.is_dir() else []
    while segments:
        last = segments.pop()
        head = _end_of(last)
        if head is not None:
            return head
        last.path.unlink()
    return Head()


def _end_of(segment: Segment) -> Head | None:
    data, size = b"", 0
    with segment.path.open("r+b") as file:
        for line in lines(file):
            if not line.endswith(b"\n"):
                file.truncate(size)
                break
            data, size = line, size + len(line)
    taken = envelope(data)
    return None if taken is None else Head(seq=taken.seq, hash=taken.hash)
