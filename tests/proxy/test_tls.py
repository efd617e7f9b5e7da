"""TLS towards clients: both ways in, what is refused, and that nothing sent in clear text counts as sent in TLS."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import struct
import subprocess
from pathlib import Path

import asyncpg
import msgspec
import psycopg
import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import JournalSettings, ListenerSettings, ListenerTlsSettings, Settings, UpstreamSettings
from readonly_guard_proxy.net.credentials import Credentials


@pytest.fixture(autouse=True)
def denies(guard):
    guard.denies = lambda request: "RG-W05" if "delete" in request.text else None


@pytest.fixture
def run_tls(run_proxy, postgres, authority):
    """The proxy with a certificate, ``mode`` and whatever else is said of its TLS."""

    def running(*, limits=None, **tls):
        settings = ListenerTlsSettings(**{**authority.server(), **tls})
        return run_proxy(str(Path(postgres).parent), tls=settings, **(limits or {}))

    return running


@pytest.fixture
async def tls_proxy(run_tls):
    async with run_tls() as proxy:
        yield proxy


class TestTheWaysIn:
    async def test_in_band(self, tls_proxy, client_class, authority, pg, guard) -> None:
        client = await (await client_class.connect(tls_proxy.port)).secure(authority.trust(alpn=None))
        await client.login()
        assert await client.ask(pg.query("select i from t where i < 3")) == "T D D C(SELECT 2) Z(I)"
        assert await client.ask(pg.query("delete from t")) == "E(25006) Z(I)"
        assert guard.requests[-1].session.client_address.startswith("127.0.0.1:")
        client.send(pg.BYE)
        assert await client.rest() == "EOF"

    async def test_direct(self, tls_proxy, client_class, authority, pg) -> None:
        client = await client_class.connect_direct(tls_proxy.port, authority.trust())
        await client.login()
        assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"

    async def test_after_gss_encryption_was_declined(self, tls_proxy, client_class, authority, pg) -> None:
        client = await client_class.connect(tls_proxy.port)
        client.send(pg.GSSENC)
        assert await client.reader.readexactly(1) == b"N"
        await (await client.secure(authority.trust())).login()
        assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"

    @pytest.mark.parametrize("direct", [False, True])
    async def test_a_client_that_does_not_wait_for_the_end_of_the_handshake(
        self, tls_proxy, authority, pg, direct
    ) -> None:
        """The startup packet comes with the client's last handshake message, a byte or a few at a time."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = authority.trust().wrap_bio(incoming, outgoing, server_hostname="localhost")
        reader, writer = await asyncio.open_connection("127.0.0.1", tls_proxy.port)
        if not direct:
            writer.write(pg.SSL)
            assert await reader.readexactly(1) == b"S"
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    writer.write(bytes((byte,)))
                    await asyncio.sleep(0)
                incoming.write(await reader.read(65_536))
        tls.write(pg.startup(user="postgres", database="postgres"))
        data = outgoing.read()
        for at in range(0, len(data), 7):
            writer.write(data[at : at + 7])
            await asyncio.sleep(0)
        said = b""
        async with asyncio.timeout(10):
            while not said.endswith(b"Z\0\0\0\5I"):
                incoming.write(await reader.read(65_536))
                with pytest.raises(ssl.SSLWantReadError):
                    while True:
                        said += tls.read(65_536)
        assert said.startswith(b"R\0\0\0\x08\0\0\0\0")
        writer.close()

    async def test_much_in_both_directions_to_a_slow_reader(
        self, tls_proxy, client_class, authority, pg, guard
    ) -> None:
        client = await (await client_class.connect(tls_proxy.port)).secure(authority.trust())
        await client.login()
        text = f"select length('{'x' * 3_000_000}')"
        assert await client.ask(pg.query(text)) == "T D C(SELECT 1) Z(I)"
        client.send(pg.query("select repeat('x', 1000) from generate_series(1, 20000)"))
        await asyncio.sleep(0.3)
        assert (await client.until_ready()).count("D") == 20_000
        assert guard.completions[-1]["bytes"] > 20_000_000

    async def test_cancel(self, tls_proxy, client_class, authority, pg) -> None:
        client = await (await client_class.connect(tls_proxy.port)).secure(authority.trust())
        await client.login()
        client.send(pg.query("select pg_sleep(30)"))
        await asyncio.sleep(0.2)
        canceller = await (await client_class.connect(tls_proxy.port)).secure(authority.trust())
        canceller.send(struct.pack("!II", 8 + len(client.key), 80877102) + client.key)
        assert await canceller.rest() == "EOF"
        assert await client.until_ready() == "T E(57014) Z(I)"

    async def test_drain_says_goodbye(self, tls_proxy, client_class, authority, pg) -> None:
        client = await (await client_class.connect(tls_proxy.port)).secure(authority.trust())
        await client.login()
        waiting = await (await client_class.connect(tls_proxy.port)).secure(authority.trust())
        waiting.send(pg.GSSENC)
        assert await waiting.reader.readexactly(1) == b"N"  # its handshake is done on the other side, too
        tls_proxy.stop.set()
        assert await client.rest() == "E(57P01) EOF"
        assert await waiting.rest() == "E(57P01) EOF"


class TestClearText:
    async def test_is_refused_where_tls_is_required(self, tls_proxy, client_class, guard, pg) -> None:
        client = await client_class.connect(tls_proxy.port)
        client.send(pg.startup(user="postgres"))
        assert await client.rest() == "E(28000) EOF"
        assert "must be encrypted (RG-A03)" in client.errors[0]["M"]
        assert "sslmode=require" in client.errors[0]["H"]
        assert guard.sessions[-1][:3] == ("refused", "postgres", ("RG-A03",))

    async def test_is_taken_where_it_is_allowed(self, run_tls, client_class, authority, pg) -> None:
        async with run_tls(mode="allow") as proxy:
            plain = await (await client_class.connect(proxy.port)).login()
            secured = await (await (await client_class.connect(proxy.port)).secure(authority.trust())).login()
            for client in (plain, secured):
                assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"

    @pytest.mark.parametrize("mode", ["allow", "require"])
    async def test_sent_behind_the_wish_for_tls_is_refused(self, run_tls, client_class, guard, pg, mode) -> None:
        """What a man in the middle could have put there (CVE-2021-23222)."""
        async with run_tls(mode=mode) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.SSL + pg.startup(user="postgres"))
            assert await client.rest() == "E(08P01) EOF"
            client = await client_class.connect(proxy.port)
            client.send(pg.SSL)
            assert await client.reader.readexactly(1) == b"S"
            client.send(pg.startup(user="postgres") + pg.query("select 1"))
            # the only answer is TLS's own: an alert, or nothing
            assert (await client.reader.read())[:1] in {b"", b"\x15"}
        assert guard.asked == []
        assert [event for event, *_ in guard.sessions] == ["refused"] * 2

    async def test_without_a_certificate_there_is_no_tls(self, proxy, client_class, pg) -> None:
        client = await client_class.connect(proxy.port)
        client.send(pg.SSL)
        assert await client.reader.readexactly(1) == b"N"
        await client.login()
        client = await client_class.connect(proxy.port)
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert await client.rest() == "E(08P01) EOF"


class TestHandshakesThatFail:
    async def _refused(self, guard, detail: str) -> None:
        for _ in range(500):
            if guard.sessions:
                break
            await asyncio.sleep(0.01)
        assert guard.sessions[-1][0] == "refused"
        assert detail in guard.sessions[-1][3]

    @pytest.mark.parametrize("alpn", [None, "http/1.1"])
    async def test_direct_tls_of_another_protocol_is_given_no_word(
        self, tls_proxy, client_class, authority, guard, pg, alpn
    ) -> None:
        client = await client_class.connect_direct(tls_proxy.port, authority.trust(alpn=alpn))
        client.send(pg.startup(user="postgres"))
        assert await client.reader.read() == b""
        await self._refused(guard, "without ALPN postgresql")

    async def test_a_client_that_does_not_trust_the_guard(self, tls_proxy, client_class, guard) -> None:
        client = await client_class.connect(tls_proxy.port)
        with pytest.raises(ssl.SSLCertVerificationError):
            await client.secure(ssl.create_default_context())
        await self._refused(guard, "no TLS: ")

    async def test_an_old_version(self, run_tls, client_class, authority, guard) -> None:
        context = authority.trust()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with run_tls(minimum_version="1.3") as proxy:
            client = await client_class.connect(proxy.port)
            with pytest.raises(OSError):
                await client.secure(context)
            await self._refused(guard, "no TLS: unsupported protocol")

    @pytest.mark.parametrize(
        "garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600), b"\x16" + b"\xff" * 99]
    )
    async def test_garbage_that_begins_like_one(self, tls_proxy, client_class, guard, garbage) -> None:
        client = await client_class.connect(tls_proxy.port)
        client.send(garbage)
        assert (await client.reader.read())[:1] in {b"", b"\x15"}
        await self._refused(guard, "no TLS: ")

    async def test_one_that_is_never_finished(self, run_tls, client_class, guard) -> None:
        async with run_tls(limits={"startup_timeout_s": 0.2}) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(b"\x16\x03\x01\x02\x00\x01")
            async with asyncio.timeout(5):
                assert await client.reader.read() == b""
            await self._refused(guard, "no TLS: ")

    async def test_a_client_that_leaves_in_the_middle(self, tls_proxy, client_class, guard, pg) -> None:
        client = await client_class.connect(tls_proxy.port)
        client.send(pg.SSL)
        await client.reader.readexactly(1)
        await client.close()
        await self._refused(guard, "no TLS: ")

    async def test_drain_does_not_wait_for_one(self, tls_proxy, client_class, pg) -> None:
        client = await client_class.connect(tls_proxy.port)
        client.send(pg.SSL)
        await client.reader.readexactly(1)
        tls_proxy.stop.set()
        async with asyncio.timeout(5):
            assert await client.reader.read() == b""
            await tls_proxy.task


class TestDrivers:
    @pytest.mark.parametrize("sslnegotiation", ["postgres", "direct"])
    @pytest.mark.parametrize("sslmode", ["require", "verify-full"])
    async def test_psycopg(self, tls_proxy, authority, sslmode, sslnegotiation) -> None:
        where = f"host=localhost port={tls_proxy.port} user=scram password=p dbname=postgres sslmode={sslmode}"
        where += f" sslnegotiation={sslnegotiation} sslrootcert={authority.root}"
        async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
            assert await (await connection.execute("select i from t where i < 2")).fetchall() == [(1,)]
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="RG-W05"):
                await connection.execute("delete from t")
            sleeping = asyncio.create_task(connection.execute("select pg_sleep(20)"))
            await asyncio.sleep(0.2)
            await connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                await sleeping

    @pytest.mark.parametrize("sslmode", ["require", "disable"])
    async def test_a_password_in_clear_text_only_goes_where_nobody_can_listen(self, run_tls, sslmode) -> None:
        async with run_tls(mode="allow") as proxy:
            where = f"host=localhost port={proxy.port} user=clear password=p dbname=postgres sslmode={sslmode}"
            if sslmode == "disable":
                with pytest.raises(psycopg.OperationalError, match=r"not passed on in clear text \(RG-A05\)"):
                    await psycopg.AsyncConnection.connect(where)
            else:
                async with await psycopg.AsyncConnection.connect(where) as connection:
                    assert await (await connection.execute("select session_user")).fetchone() == ("clear",)

    async def test_psycopg_where_the_name_is_not_the_certificates(self, run_tls, authority) -> None:
        async with run_tls(**authority.server("other", "other.example")) as proxy:
            where = f"host=localhost port={proxy.port} user=postgres sslrootcert={authority.root}"
            with pytest.raises(psycopg.OperationalError, match="does not match host name"):
                await psycopg.AsyncConnection.connect(f"{where} sslmode=verify-full")
            await (await psycopg.AsyncConnection.connect(f"{where} sslmode=verify-ca")).close()

    async def test_libpq_says_why_it_does_not_connect_when_it_must_bind(self, tls_proxy) -> None:
        where = f"host=localhost port={tls_proxy.port} user=scram password=p dbname=postgres sslmode=require"
        with pytest.raises(psycopg.OperationalError, match="channel binding"):
            await psycopg.AsyncConnection.connect(f"{where} channel_binding=require")

    @pytest.mark.parametrize("direct", [False, True])
    async def test_asyncpg(self, tls_proxy, authority, direct) -> None:
        connection = await asyncpg.connect(
            host="localhost",
            port=tls_proxy.port,
            user="scram",
            password="p",
            database="postgres",
            ssl=authority.trust(alpn="postgresql" if direct else None),
            direct_tls=direct,
        )
        assert await connection.fetchval("select count(*) from t where i <= $1", 3) == 3
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="RG-W05"):
            await connection.execute("delete from t")
        with pytest.raises(asyncio.TimeoutError):
            await connection.execute("select pg_sleep(20)", timeout=0.3)
        assert await connection.fetchval("select 2") == 2
        await connection.close()

    async def test_psql(self, tls_proxy, authority) -> None:
        """Debian's, which is the libpq before direct negotiation."""
        psql = shutil.which("psql")
        if psql is None:
            pytest.skip("no psql: apt-get install postgresql-client")
        where = f"host=localhost port={tls_proxy.port} user=postgres dbname=postgres sslmode=verify-full"
        done = await asyncio.to_thread(
            subprocess.run,
            [psql, "-XAt", f"{where} sslrootcert={authority.root}", "-c", "select 41 + 1", "-c", r"\conninfo"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.stdout.startswith("42\n"), done.stderr
        assert "TLSv1.3" in done.stdout


class TestCertificates:
    def _settings(self, **tls) -> Settings:
        return Settings(
            upstream=UpstreamSettings(host="x"),
            journal=JournalSettings(path="x"),
            listener=ListenerSettings(tls=ListenerTlsSettings(**tls)),
        )

    async def test_new_ones_serve_new_connections(self, tls_proxy, client_class, authority, pg) -> None:
        old = await (await client_class.connect(tls_proxy.port)).secure(authority.trust())
        await old.login()
        fresh = type(authority)(authority.folder)  # a new authority writes over the files of the old
        fresh.server()
        tls_proxy.credentials.renew(tls_proxy.settings)
        new = await (await client_class.connect(tls_proxy.port)).secure(fresh.trust())
        await new.login()
        for client in (old, new):
            assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"

    async def test_bad_ones_change_nothing(self, tls_proxy, client_class, authority) -> None:
        context = authority.trust()
        authority.write("server.key", b"nothing")
        with pytest.raises(ConfigurationError):
            tls_proxy.credentials.renew(tls_proxy.settings)
        await (await (await client_class.connect(tls_proxy.port)).secure(context)).login()

    def test_what_is_wrong_is_named(self, authority) -> None:
        good, other = authority.server(), authority.server("other")
        empty = Path(authority.folder, "empty.pem")
        empty.touch(0o600)
        missing = Path(authority.folder, "missing.pem")
        for change, said in (
            ({"certificate": str(missing)}, f"listener.tls.certificate: {missing} cannot be read: No such file"),
            ({"key": str(missing)}, f"listener.tls.key: {missing} cannot be read: No such file"),
            ({"key": other["key"]}, f"listener.tls.key: {other['key']} is not the key of {good['certificate']}"),
            ({"certificate": str(empty)}, f"listener.tls.certificate: {empty} and {good['key']} are not"),
            ({"key": str(empty)}, f"{good['certificate']} and {empty} are not a certificate chain and its key in PEM"),
            ({"client_ca": str(empty)}, f"listener.tls.client_ca: {empty} holds no certificate in PEM"),
            ({"client_ca": str(missing)}, f"listener.tls.client_ca: {missing} cannot be read: No such file"),
        ):
            with pytest.raises(ConfigurationError) as caught:
                Credentials(self._settings(**{**good, **change}))
            assert said in str(caught.value)

    def test_a_key_that_others_may_read_is_refused(self, authority) -> None:
        good = authority.server()
        Path(good["key"]).chmod(0o640)
        with pytest.raises(ConfigurationError, match=r"others may read .*; run `chmod 600 "):
            Credentials(self._settings(**good))

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to root and look as another")
    def test_but_its_group_may_where_root_owns_it(self, authority, monkeypatch) -> None:
        good = authority.server()
        Path(good["key"]).chmod(0o640)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert Credentials(self._settings(**good)).tls is not None
        Path(good["key"]).chmod(0o644)
        with pytest.raises(ConfigurationError, match="others may read"):
            Credentials(self._settings(**good))

    def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(self, authority) -> None:
        good = authority.server()
        subprocess.run(
            ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", good["key"], "-out", f"{good['key']}.locked"],
            check=True,
        )
        with pytest.raises(ConfigurationError, match="is encrypted; give the guard a key without a passphrase"):
            Credentials(self._settings(**{**good, "key": f"{good['key']}.locked"}))

    def test_tls_is_off_without_a_certificate_and_required_with_one(self, authority) -> None:
        good = authority.server()
        assert Credentials(self._settings()).tls is None
        assert not Credentials(self._settings(**good, mode="allow")).tls.is_required
        assert Credentials(self._settings(**good)).tls.is_required
        assert Credentials(msgspec.structs.replace(self._settings(**good, mode="off"))).tls is None
