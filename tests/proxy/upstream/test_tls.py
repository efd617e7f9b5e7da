"""TLS towards the server: its modes against a real one, and servers that lie."""

from __future__ import annotations

import asyncio
import socket
import struct

import psycopg
import pytest
import trustme

from readonly_guard.settings import (
    AuthenticationSettings,
    ListenerTlsSettings,
    UpstreamLoginSettings,
    UpstreamTlsSettings,
)
from readonly_guard_proxy.wire.scram import Verifier

_UNREACHED = "the database server cannot be reached"


@pytest.fixture
def run_upstream(run_proxy, tls_server):
    def running(host: str = "127.0.0.1", tls=None, **upstream):
        settings = {"tls": tls} if tls is not None else {}
        return run_proxy(host, tls_server.port, upstream_tls=UpstreamTlsSettings(**upstream), **settings)

    return running


@pytest.fixture
def stranger(tmp_path) -> str:
    """The root of an authority that has issued nothing here."""
    path = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


async def _encrypted(client, pg) -> bool:
    await client.ask(pg.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))
    return client.rows[-1].endswith(b"t")


class TestModes:
    @pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
    async def test_with_the_right_root(self, run_upstream, tls_server, client_class, pg, mode) -> None:
        async with run_upstream(mode=mode, root=tls_server.root) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            assert await _encrypted(client, pg)
            assert await client.ask(pg.query("select i from t where i < 3")) == "T D D C(SELECT 2) Z(I)"

    async def test_a_server_that_somebody_else_vouches_for(
        self, run_upstream, stranger, client_class, pg, logged
    ) -> None:
        for mode, told in (("require", "Z(I)"), ("verify-ca", "E(57P03) EOF"), ("verify-full", "E(57P03) EOF")):
            root = {} if mode == "require" else {"root": stranger}
            async with run_upstream(mode=mode, **root) as proxy:
                client = await client_class.connect(proxy.port)
                client.send(pg.startup(user="postgres"))
                assert (await client.until_ready()).endswith(told), mode
        reasons = [entry["reason"] for entry in logged if entry["event"] == "server not reached"]
        assert len(reasons) == 2
        assert all(reason.startswith("certificate verify failed: ") for reason in reasons)

    async def test_only_verify_full_looks_at_the_name(self, run_upstream, tls_server, client_class, pg, logged) -> None:
        for mode, told in (("verify-ca", "Z(I)"), ("verify-full", "E(57P03) EOF")):
            async with run_upstream("127.0.0.2", mode=mode, root=tls_server.root) as proxy:
                client = await client_class.connect(proxy.port)
                client.send(pg.startup(user="postgres"))
                assert (await client.until_ready()).endswith(told)

    async def test_without_tls_the_server_is_not_asked_for_it(self, run_upstream, client_class, pg) -> None:
        async with run_upstream(mode="disable") as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="postgres"))
            assert await client.rest() == "E(28000) EOF"  # the server's own: pg_hba.conf has no entry without TLS
            assert "no encryption" in client.errors[0]["M"]

    async def test_a_certificate_of_the_guards_own(self, run_upstream, tls_server, client_class, pg) -> None:
        mine = tls_server.issue("guard", common_name="certified")
        async with run_upstream(mode="verify-full", root=tls_server.root, **mine) as proxy:
            client = await (await client_class.connect(proxy.port)).login(user="certified", database="postgres")
            assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"
        async with run_upstream(mode="verify-full", root=tls_server.root) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="certified", database="postgres"))
            assert await client.rest() == "E(28000) EOF"

    async def test_cancel_and_much_in_both_directions(self, run_upstream, tls_server, client_class, guard, pg) -> None:
        async with run_upstream(mode="verify-full", root=tls_server.root) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            client.send(pg.query("select pg_sleep(30)"))
            await asyncio.sleep(0.2)
            canceller = await client_class.connect(proxy.port)
            canceller.send(struct.pack("!II", 8 + len(client.key), 80877102) + client.key)
            assert await canceller.rest() == "EOF"
            assert await client.until_ready() == "T E(57014) Z(I)"
            assert await client.ask(pg.query(f"select length('{'x' * 3_000_000}')")) == "T D C(SELECT 1) Z(I)"
            client.send(pg.query("select repeat('x', 1000) from generate_series(1, 20000)"))
            await asyncio.sleep(0.3)
            assert (await client.until_ready()).count("D") == 20_000
            assert guard.completions[-1]["bytes"] > 20_000_000

    async def test_a_large_result_is_let_come_together_behind_tls_as_well(
        self, run_upstream, tls_server, client_class, pg, monkeypatch
    ) -> None:
        marks = []

        class Watched(socket.socket):
            """What is compiled calls its own functions, whatever stands in their place; the socket is not compiled."""

            def setsockopt(self, level, option, value):
                if (level, option) == (socket.SOL_SOCKET, socket.SO_RCVLOWAT):
                    marks.append(value)
                super().setsockopt(level, option, value)

        monkeypatch.setattr(socket, "socket", Watched)
        async with run_upstream(mode="verify-full", root=tls_server.root) as proxy:
            client = await (await client_class.connect(proxy.port)).login()
            assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"
            assert marks == []
            told = await client.ask(pg.query("select repeat('x', 1000) from generate_series(1, 4000)"))
            assert told.count("D") == 4_000
            assert marks[0] == 240 * 1024
            assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"
            assert marks[-1] == 1

    async def test_certificates_are_renewed(self, run_upstream, tls_server, client_class, pg, tmp_path) -> None:
        root = tmp_path / "root.pem"
        trustme.CA().cert_pem.write_to_path(root)
        async with run_upstream(mode="verify-full", root=str(root)) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="postgres"))
            assert await client.rest() == "E(57P03) EOF"
            tls_server.authority.cert_pem.write_to_path(root)
            proxy.credentials.renew(proxy.settings)
            await (await client_class.connect(proxy.port)).login()


class TestPasswords:
    @pytest.mark.parametrize("role", ["scram", "md5", "clear"])
    @pytest.mark.parametrize("sslmode", ["disable", "require"])
    async def test_pass_through_to_a_server_with_tls(
        self, run_upstream, tls_server, authority, guard, role, sslmode
    ) -> None:
        tls = ListenerTlsSettings(**authority.server(), mode="allow")
        async with run_upstream(tls=tls, mode="verify-full", root=tls_server.root) as proxy:
            where = f"host=localhost port={proxy.port} user={role} password=p dbname=postgres sslmode={sslmode}"
            if (role, sslmode) == ("clear", "disable"):
                with pytest.raises(psycopg.OperationalError, match=r"not passed on in clear text \(RG-A05\)"):
                    await psycopg.AsyncConnection.connect(where)
                return
            if (role, sslmode) == ("scram", "require"):
                # libpq could bind and says so, which the server takes for an attack; the guard says what to do
                with pytest.raises(psycopg.OperationalError, match=r"Channel binding cannot pass the guard \(RG-A02\)"):
                    await psycopg.AsyncConnection.connect(where)
                where += " channel_binding=disable"
            async with await psycopg.AsyncConnection.connect(where) as connection:
                assert await (await connection.execute("select session_user")).fetchone() == (role,)


class TestTheGuardsOwnAccount:
    @pytest.mark.parametrize("role", ["scram", "md5", "clear", "certified"])
    async def test_logs_in_over_tls(self, run_proxy, tls_server, tmp_path, role) -> None:
        users, password = tmp_path / "users.txt", tmp_path / "password"
        for path, text in ((users, f'"anna" "{Verifier.of("x", b"salt")}"'), (password, "p")):
            path.touch(0o600)
            path.write_text(text, encoding="utf-8")
        own = tls_server.issue("own", common_name="certified") if role == "certified" else {}
        tls = UpstreamTlsSettings(mode="verify-full", root=tls_server.root, **own)
        login = UpstreamLoginSettings(user=role, password_file=None if role == "certified" else str(password))
        authentication = AuthenticationSettings(mode="guard", users=str(users))
        async with run_proxy(
            "127.0.0.1", tls_server.port, upstream_tls=tls, login=login, authentication=authentication
        ) as proxy:
            where = f"host=localhost port={proxy.port} user=anna password=x dbname=postgres"
            async with await psycopg.AsyncConnection.connect(where) as connection:
                assert await (await connection.execute("select session_user")).fetchone() == (role,)


class TestServersThatLie:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (b"N", "the server does not take TLS"),
            (b"S" + struct.pack("!cI", b"R", 8) + bytes(4), "with something else"),  # CVE-2021-23222
            (b"E\0\0\0\x1bSFATAL\0C53300\0Mlies\0\0", "with something else"),  # CVE-2024-10977
            (b"", "left without an answer"),
            (b"Sx", "with something else"),
        ],
    )
    async def test_about_tls(self, run_proxy, client_class, pg, tls_server, logged, answer, said) -> None:
        async def serve(reader, writer) -> None:
            assert await reader.readexactly(8) == pg.SSL
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        tls = UpstreamTlsSettings(mode="verify-full", root=tls_server.root)
        async with run_proxy("127.0.0.1", server.sockets[0].getsockname()[1], upstream_tls=tls) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="postgres"))
            assert await client.rest() == "E(57P03) EOF"
            assert _UNREACHED in client.errors[0]["M"]
            assert "lies" not in str(client.errors)
        server.close()
        assert said in next(entry["reason"] for entry in logged if entry["event"] == "server not reached")

    async def test_and_never_answer(self, run_proxy, client_class, pg, tls_server, logged) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            tls = UpstreamTlsSettings(mode="verify-full", root=tls_server.root)
            port = silent.getsockname()[1]
            async with run_proxy(
                "127.0.0.1", port, upstream_tls=tls, connect_timeout_s=0.2, connections=1, startup_timeout_s=0.1
            ) as proxy:
                for _ in range(2):  # the first one's place is free again
                    client = await client_class.connect(proxy.port)
                    client.send(pg.startup(user="postgres"))
                    assert await client.rest() == "E(57P03) EOF"
                    assert _UNREACHED in client.errors[0]["M"]
                assert proxy.meters.upstream_errors.counts == {"TimeoutError": 2}
                assert proxy.meters.sessions_open == 0
        reasons = [entry["reason"] for entry in logged if entry["event"] == "server not reached"]
        assert reasons == ["it took too long"] * 2
