"""Whether the server serves: a real one, one that is starting, one that is full, and what is no server at all."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from readonly_guard.settings import UpstreamSettings
from readonly_guard_proxy.admin.knocking import knock


class _Answers(asyncio.Protocol):
    """Says this to a startup packet, and then nothing; None: it leaves."""

    def __init__(self, answer: bytes | None, seen: list[asyncio.Transport]) -> None:
        self._answer, self._seen = answer, seen

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._seen.append(transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._transport.close()
        else:
            self._transport.write(self._answer)


@contextlib.asynccontextmanager
async def _answering(answer: bytes | None):
    seen: list[asyncio.Transport] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Answers(answer, seen), "127.0.0.1", 0)
    try:
        yield UpstreamSettings(host="127.0.0.1", port=server.sockets[0].getsockname()[1], connect_timeout_s=0.5)
    finally:
        server.close()
        for transport in seen:
            transport.abort()
        await asyncio.sleep(0.01)


async def test_a_server_that_serves_whatever_it_thinks_of_who_knocks(postgres):
    upstream = UpstreamSettings(host=str(Path(postgres).parent), port=5432)
    for user in ("scram", "md5", "nobody_who_is_known"):
        assert await knock(upstream, None, user) == ""


def _error(pg, sqlstate: str) -> bytes:
    return pg.frame(b"E", b"SFATAL\0C" + sqlstate.encode() + b"\0Mno\0\0")


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [
        ("57P03", "the server takes no connections yet, or no more"),
        ("53300", "the server has no place for one connection more"),
        ("28000", ""),
        ("3D000", ""),
    ],
)
async def test_what_an_error_says(pg, sqlstate, fault):
    async with _answering(_error(pg, sqlstate)) as upstream:
        assert await knock(upstream, None, "u") == fault


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (None, "the server left without an answer"),
        (b"", "the server takes connections and does not answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is no PostgreSQL server"),
        (b"R\xff\xff\xff\xff", "what answers there is no PostgreSQL server"),
    ],
)
async def test_what_is_no_server(answer, fault):
    async with _answering(answer) as upstream:
        assert await knock(upstream, None, "u") == fault


async def test_nobody_at_home(tmp_path):
    fault = await knock(UpstreamSettings(host=str(tmp_path)), None, "u")
    assert fault.startswith("the server cannot be reached (FileNotFoundError")
