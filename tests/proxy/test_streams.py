"""What streams through: very large rows in bounded memory, COPY OUT in every format, portals, notifications."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest

from readonly_guard.settings import ListenerTlsSettings

MB = 1024 * 1024
BLOB = 200 * MB
MAY_GROW = 50 * MB
"""Of the whole process: the proxy, a client that keeps nothing, and the test. It grows by 1 to 3 MB,
on a busy machine by 25; a copy of the blob would be 200."""


class Peak:
    """The most memory that this process has had since it was made (Linux, proc(5): VmHWM)."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = self._high_water()

    def grown(self) -> int:
        return self._high_water() - self._before

    def _high_water(self) -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


async def swallow(client, until: bytes) -> int:
    """Read until the stream ends so, keeping nothing; how much it was."""
    size, end = 0, b""
    async with asyncio.timeout(120):
        while not end.endswith(until):
            data = await client.reader.read(MB)
            assert data
            size += len(data)
            end = (end + data)[-64:]
    return size


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc/self/clear_refs")
@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    "text", [f"select repeat('x', {BLOB})", f"copy (select repeat('x', {BLOB})) to stdout"], ids=["row", "copy"]
)
async def test_a_blob_of_200_mb_to_a_client_that_dawdles(
    run_proxy, postgres, authority, client_class, guard, pg, text, encrypted
) -> None:
    tls = {"tls": ListenerTlsSettings(**authority.server())} if encrypted else {}
    async with run_proxy(str(Path(postgres).parent), **tls) as proxy:
        client = await client_class.connect(proxy.port)
        if encrypted:
            await client.secure(authority.trust())
        await client.login()
        peak = Peak()
        client.send(pg.query(text))
        await asyncio.sleep(1)  # nothing is read meanwhile: the server must wait, not the proxy take it in
        assert await swallow(client, pg.frame(b"Z", b"I")) > BLOB
        assert peak.grown() < MAY_GROW
        assert guard.completions[-1]["bytes"] > BLOB
        assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"


@pytest.mark.parametrize(
    "options", ["", " (format csv, header)", " (format binary)", " with (format text, null 'NIL')"]
)
async def test_copy_out_comes_byte_for_byte_as_from_the_server(client_class, proxy, postgres, pg, options) -> None:
    told = []
    for where in (proxy.port, postgres):
        client = await (await client_class.connect(where)).login()
        client.send(pg.query(f"copy (select i, 'åäö\t' || i, null from t) to stdout{options}"))
        messages = []
        while not messages or messages[-1][0] != "Z":
            messages.append(await client.message())
        told.append(messages)
    assert told[0] == told[1]
    assert [kind for kind, _ in told[0]].count("d") >= 5


async def test_copy_out_by_the_extended_protocol(client, guard, pg) -> None:
    told = await client.ask(pg.parse("copy t to stdout"), pg.bind(), pg.execute(), pg.SYNC)
    assert told == "1 2 H d d d d d c C(COPY 5) Z(I)"
    assert [each["rows"] for each in guard.completions] == [5]


async def test_a_portal_is_read_in_parts_each_decided_for_itself(client, guard, pg) -> None:
    await client.ask(pg.query("begin"))
    await client.ask(pg.parse("select i from t order by i", "s"), pg.bind("s", "p"), pg.SYNC)
    parts = [await client.ask(pg.execute("p", 2), pg.SYNC) for _ in range(4)]
    assert parts == ["D D s Z(T)", "D D s Z(T)", "D C(SELECT 1) Z(T)", "C(SELECT 0) Z(T)"]
    assert [row[6:] for row in client.rows] == [b"1", b"2", b"3", b"4", b"5"]
    assert [phase for phase, _ in guard.asked].count("execute") == 4


async def test_a_portal_that_is_denied_half_way_gives_nothing_more(client, guard, pg) -> None:
    await client.ask(pg.query("begin"))
    await client.ask(pg.parse("select i from t order by i"), pg.bind(portal="p"), pg.execute("p", 2), pg.SYNC)
    guard.denies = lambda request: "RG-R01" if request.phase == "execute" else None
    assert await client.ask(pg.execute("p", 2), pg.SYNC) == "E(42501) Z(E)"
    assert len(client.rows) == 2


async def test_binary_values_and_several_results_at_once(client, pg) -> None:
    bind = pg.frame(b"B", b"\0\0" + struct.pack("!HHHH", 0, 0, 1, 1))  # no parameters; all results binary
    told = await client.ask(
        pg.parse("select i from t order by i limit 1"),
        bind,
        pg.describe("P"),
        pg.execute(),
        pg.bind(),
        pg.execute(),
        pg.SYNC,
    )
    assert told == "1 2 T D C(SELECT 1) 2 D C(SELECT 1) Z(I)"
    assert [row[6:] for row in client.rows] == [struct.pack("!i", 1), b"1"]


async def test_notifications_come_to_who_listens_while_idle_and_in_a_reply(
    client_class, proxy, client, postgres, pg
) -> None:
    outside = await (await client_class.connect(postgres)).login()
    assert await client.ask(pg.query("listen news")) == "C(LISTEN) Z(I)"
    await outside.ask(pg.query("notify news, 'first'"))
    kind, body = await client.message()  # nothing was asked
    assert (kind, body[4:]) == ("A", b"news\0first\0")
    await client.ask(pg.query("begin"))
    await outside.ask(pg.query("notify news, 'second'"))
    assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(T)"
    assert await client.ask(pg.query("commit")) == "C(COMMIT) A Z(I)"  # not before, as the server has it
    other = await (await client_class.connect(proxy.port)).login()
    await outside.ask(pg.query("notify news, 'third'"))
    assert (await client.message())[0] == "A"
    assert await other.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"  # who does not listen hears nothing
    await client.ask(pg.query("unlisten *"))
    await outside.ask(pg.query("notify news"))
    assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"
