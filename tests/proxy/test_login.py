"""Logins that end at the guard: who gets in, what those who do not are told, and who the server sees."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import struct
from pathlib import Path

import asyncpg
import psycopg
import pytest
from cryptography.x509.oid import NameOID

from readonly_guard.domain import Subject
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import (
    AuthenticationSettings,
    JournalSettings,
    ListenerTlsSettings,
    Settings,
    UpstreamLoginSettings,
    UpstreamSettings,
)
from readonly_guard_proxy.net.credentials import Credentials
from readonly_guard_proxy.wire.scram import ClientExchange, Verifier, keys_of

SALT = bytes(range(16))
PASSWORD = "correct horse battery staple"
SERVICE = "the service account"


@pytest.fixture
def secret(tmp_path):
    """Write a file that only its owner may read."""

    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.touch(0o600)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def run_guarded(run_proxy, postgres, secret):
    """A proxy at which `anna` logs in with her password, and which is `service` at the server."""

    def running(*, user="service", password=SERVICE, authentication=None, **settings):
        known = "".join(f'"{name}" "{Verifier.of(PASSWORD, SALT)}"\n' for name in ("anna", "bo"))
        return run_proxy(
            settings.pop("host", str(Path(postgres).parent)),
            settings.pop("port", 5432),
            authentication=AuthenticationSettings(
                mode="guard", **{"users": secret("users.txt", known), **(authentication or {})}
            ),
            login=UpstreamLoginSettings(user=user, password_file=secret("service.txt", f"{password}\n")),
            **settings,
        )

    return running


@pytest.fixture
async def guarded(run_guarded):
    async with run_guarded() as proxy:
        yield proxy


def conninfo(proxy, user="anna", password=PASSWORD, **more: str) -> str:
    given = {
        "host": "localhost",
        "port": proxy.port,
        "user": user,
        "password": f"'{password}'",
        "dbname": "postgres",
        **more,
    }
    return " ".join(f"{key}={value}" for key, value in given.items())


def initial(pg, data: bytes, mechanism: bytes = b"SCRAM-SHA-256") -> bytes:
    return pg.frame(b"p", mechanism + b"\0" + struct.pack("!I", len(data)) + data)


async def tries(client_class, proxy, pg, user: str, password: str = "wrong"):  # noqa: S107
    """One attempt in bytes; what came, the server's first words, and the client."""
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(user=user, database="postgres"))
    kind, _ = await client.message()
    if kind != "R":
        return kind, b"", client
    exchange = ClientExchange(lambda *to: keys_of(password, *to), b"nonce")
    client.send(initial(pg, exchange.first()))
    _, body = await client.message()
    client.send(pg.frame(b"p", exchange.final(body[4:])))
    return await client.until_ready(), body[4:], client


class TestWhoGetsIn:
    async def test_asyncpg_and_psycopg(self, guarded, guard) -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=guarded.port, user="anna", password=PASSWORD, database="postgres", ssl=False
        )
        assert await connection.fetchval("select session_user") == "service"
        assert await connection.fetchval("select count(*) from t where i <= $1", 3) == 3
        await connection.close()
        async with await psycopg.AsyncConnection.connect(conninfo(guarded), autocommit=True) as other:
            assert await (await other.execute("select i from t where i < 2")).fetchall() == [(1,)]
            sleeping = asyncio.create_task(other.execute("select pg_sleep(20)"))
            await asyncio.sleep(0.2)
            await other.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                await sleeping
        assert {request.subject.id for request in guard.requests} == {"anna"}
        assert guard.requests[-1].subject.properties == {"authentication": "scram-sha-256"}
        assert guard.sessions[0] == ("opened", "anna", (), "authentication: scram-sha-256")

    async def test_newer_protocols_are_negotiated_before_the_password(self, guarded, client_class, pg) -> None:
        client = await client_class.connect(guarded.port)
        client.send(pg.startup(3 << 16 | 9999, user="anna", database="postgres", **{"_pq_.test": "x"}))
        assert (await client.message())[0] == "v"
        assert (await client.message())[0] == "R"
        async with await psycopg.AsyncConnection.connect(conninfo(guarded, max_protocol_version="latest")) as other:
            assert await (await other.execute("select 1")).fetchone() == (1,)

    async def test_the_database_is_the_client_s_own_by_default(self, guarded) -> None:
        with pytest.raises(psycopg.OperationalError, match='database "anna" does not exist'):
            await psycopg.AsyncConnection.connect(conninfo(guarded, dbname=""))

    async def test_with_a_certificate_instead_of_a_password(self, run_guarded, authority, guard) -> None:
        guard.identity = lambda login: Subject(
            id=login.user, properties={} if login.certificate is None else {"authentication": "certificate"}
        )
        tls = ListenerTlsSettings(**authority.server(), client_ca=authority.people)
        shown = {"sslmode": "require", **authority.person("anna", (NameOID.COMMON_NAME, "Anna"))}
        only = {"methods": ("certificate",), "users": None}
        async with run_guarded(tls=tls, authentication=only) as proxy:
            async with await psycopg.AsyncConnection.connect(conninfo(proxy, **shown)) as connection:
                assert await (await connection.execute("select session_user")).fetchone() == ("service",)
            with pytest.raises(psycopg.OperationalError, match=r"certificate is required \(RG-A08\)"):
                await psycopg.AsyncConnection.connect(conninfo(proxy, sslmode="require"))
        both = {"methods": ("certificate", "scram-sha-256")}
        async with run_guarded(tls=tls, authentication=both) as proxy:
            await (await psycopg.AsyncConnection.connect(conninfo(proxy, password="x", **shown))).close()
            await (await psycopg.AsyncConnection.connect(conninfo(proxy, sslmode="require"))).close()
        async with run_guarded(tls=tls) as proxy:  # a certificate comes on top of the password here
            with pytest.raises(psycopg.OperationalError, match="RG-A06"):
                await psycopg.AsyncConnection.connect(conninfo(proxy, password="x", **shown))

    @pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
    async def test_over_tls_the_password_is_bound_to_the_connection(
        self, run_guarded, authority, guard, binding
    ) -> None:
        tls = ListenerTlsSettings(**authority.server())
        async with run_guarded(tls=tls) as proxy:
            more = {"sslmode": "verify-full", "sslrootcert": authority.root, "channel_binding": binding}
            async with await psycopg.AsyncConnection.connect(conninfo(proxy, **more)) as connection:
                assert await (await connection.execute("select 1")).fetchone() == (1,)
            with pytest.raises(psycopg.OperationalError, match="RG-A06"):
                await psycopg.AsyncConnection.connect(conninfo(proxy, password="x", **more))
        assert guard.requests[-1].subject.properties == {"authentication": "scram-sha-256"}

    async def test_also_after_the_certificate_was_renewed(self, run_guarded, authority, client_class) -> None:
        async with run_guarded(tls=ListenerTlsSettings(**authority.server())) as proxy:
            more = {"sslmode": "require", "channel_binding": "require"}
            await (await psycopg.AsyncConnection.connect(conninfo(proxy, **more))).close()
            authority.server()
            proxy.credentials.renew(proxy.settings)
            await (await psycopg.AsyncConnection.connect(conninfo(proxy, **more))).close()

    async def test_new_users_and_a_new_password_of_the_guard_s_own(self, guarded, secret) -> None:
        secret("users.txt", f'"carin" "{Verifier.of("x", SALT)}"')
        secret("service.txt", "wrong")
        guarded.credentials.renew(guarded.settings)
        with pytest.raises(psycopg.OperationalError, match="RG-A06"):
            await psycopg.AsyncConnection.connect(conninfo(guarded))
        with pytest.raises(psycopg.OperationalError, match="does not let the guard in"):
            await psycopg.AsyncConnection.connect(conninfo(guarded, "carin", "x"))
        secret("users.txt", '"carin" "md5"')
        with pytest.raises(ConfigurationError, match="users.txt, line 1: is not a SCRAM-SHA-256 verifier"):
            guarded.credentials.renew(guarded.settings)
        secret("users.txt", f'"carin" "{Verifier.of("y", SALT)}"')
        secret("service.txt", SERVICE)
        guarded.credentials.renew(guarded.settings)
        await (await psycopg.AsyncConnection.connect(conninfo(guarded, "carin", "y"))).close()


class TestWhoDoesNot:
    async def test_a_client_that_was_shown_another_offer(self, run_guarded, authority, client_class, guard, pg) -> None:
        """Somebody in between took channel binding off the offer; the client says that it could have bound."""
        async with run_guarded(tls=ListenerTlsSettings(**authority.server())) as proxy:
            client = await (await client_class.connect(proxy.port)).secure(authority.trust())
            client.send(pg.startup(user="anna", database="postgres"))
            _, offer = await client.message()
            assert offer[4:] == b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
            client.send(initial(pg, b"y,,n=,r=nonce"))
            assert await client.rest() == "E(08P01) EOF"
        assert guard.sessions[-1][0] == "refused"

    async def test_is_told_the_same_whoever_it_is(self, guarded, client_class, guard, pg) -> None:
        seen = []
        for user in ("anna", "nobody", "bo", "someone else"):
            told, first, client = await tries(client_class, guarded, pg, user)
            assert told == "E(28P01) EOF"
            seen.append((client.errors[0], len(first), first.rpartition(b",")[2]))
        assert seen == [seen[0]] * 4
        assert "The login failed (RG-A06)" in seen[0][0]["M"]
        assert "anna" not in str(seen)
        assert {session[:1] + session[2:] for session in guard.sessions} == {
            ("refused", ("RG-A06",), "the login failed")
        }

    async def test_an_unknown_user_always_has_the_same_salt(self, guarded, client_class, pg) -> None:
        salts = []
        for user in ("nobody", "nobody", "another"):
            _, first, _ = await tries(client_class, guarded, pg, user)
            salts.append(first.split(b",")[1])
        assert salts[0] == salts[1] != salts[2]

    async def test_what_was_heard_of_another_login_is_of_no_use(self, guarded, client_class, pg) -> None:
        """Neither the whole exchange again, nor a proof made from the verifier that the guard keeps."""
        told, first, _ = await tries(client_class, guarded, pg, "anna", PASSWORD)
        assert told.endswith("Z(I)")
        client = await client_class.connect(guarded.port)
        client.send(pg.startup(user="anna", database="postgres"))
        await client.message()
        client.send(initial(pg, b"n,,n=,r=nonce"))
        _, body = await client.message()
        assert body[4:] != first  # another nonce
        stored = Verifier.of(PASSWORD, SALT).stored_key
        nonce = body[4:].split(b",")[0][2:]
        without_proof = b"c=biws,r=" + nonce
        signature = hmac.digest(stored, b"n=,r=nonce," + body[4:] + b"," + without_proof, hashlib.sha256)
        client.send(pg.frame(b"p", without_proof + b",p=" + base64.b64encode(signature)))
        assert await client.rest() == "E(28P01) EOF"

    async def test_must_wait_longer_each_time(self, run_guarded, client_class, guard, pg) -> None:
        async with run_guarded() as proxy:
            for _ in range(3):
                assert (await tries(client_class, proxy, pg, "anna"))[0] == "E(28P01) EOF"
            for password in ("wrong", PASSWORD):  # not even looked at
                client = await client_class.connect(proxy.port)
                client.send(pg.startup(user="anna", database="postgres"))
                assert await client.rest() == "E(28000) EOF"
                assert "Too many failed logins (RG-A07)" in client.errors[0]["M"]
                assert password not in str(client.errors)
            assert (await tries(client_class, proxy, pg, "bo", PASSWORD))[0].endswith("Z(I)")
            await asyncio.sleep(1.1)
            assert (await tries(client_class, proxy, pg, "anna", PASSWORD))[0].endswith("Z(I)")
            assert (await tries(client_class, proxy, pg, "anna"))[0] == "E(28P01) EOF"  # and counts from one again
            assert (await tries(client_class, proxy, pg, "anna", PASSWORD))[0].endswith("Z(I)")
        assert [codes for event, _, codes, _ in guard.sessions if event == "refused"].count(("RG-A07",)) == 2

    async def test_must_wait_too_where_the_server_says_no(self, proxy, guard) -> None:
        where = f"host=127.0.0.1 port={proxy.port} user=scram dbname=postgres password="
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                await psycopg.AsyncConnection.connect(where + "q")
        with pytest.raises(psycopg.OperationalError, match=r"Too many failed logins \(RG-A07\)"):
            await psycopg.AsyncConnection.connect(where + "p")
        assert guard.sessions[-1][2] == ("RG-A07",)

    @pytest.mark.parametrize(
        "messages",
        [
            [(b"Q", b"select 1\0")],
            [(b"S", b"")],
            [(b"p", b"")],
            [(b"p", b"SCRAM-SHA-256\0\0\0\0\x10n,,n=,r=x")],
            [(b"p", b"SCRAM-SHA-256-PLUS\0\0\0\0\x09n,,n=,r=x")],
            [(b"p", b"SCRAM-SHA-1\0\0\0\0\x09n,,n=,r=x")],
            [(b"p", b"SCRAM-SHA-256\0\xff\xff\xff\xff")],
            [(b"p", b"SCRAM-SHA-256\0\0\0\0\x09n,,n=,r=x"), (b"p", b"c=biws,r=x,p=AAAA")],
            [(b"p", bytes(5_000))],
            [(b"p", b"SCRAM-SHA-256\0\0\0\0\x09n,,n=,r=x"), (b"Q", b"select 1\0")],
        ],
    )
    async def test_what_is_no_answer_ends_it(self, guarded, client_class, guard, pg, messages) -> None:
        client = await client_class.connect(guarded.port)
        client.send(pg.startup(user="anna"))
        client.send(*[pg.frame(kind, body) for kind, body in messages])
        assert (await client.rest()).endswith("E(08P01) EOF")
        assert guard.asked == []
        assert guard.sessions[-1][0] == "refused"

    async def test_a_query_behind_the_last_word(self, guarded, client_class, guard, pg) -> None:
        client = await client_class.connect(guarded.port)
        client.send(pg.startup(user="anna", database="postgres"))
        await client.message()
        exchange = ClientExchange(lambda *to: keys_of(PASSWORD, *to), b"nonce")
        client.send(initial(pg, exchange.first()))
        _, body = await client.message()
        client.send(pg.frame(b"p", exchange.final(body[4:])) + pg.query("select 1"))
        assert (await client.rest()).endswith("E(08P01) EOF")
        assert guard.asked == []

    async def test_takes_too_long_or_leaves(self, run_guarded, client_class, guard, pg) -> None:
        async with run_guarded(startup_timeout_s=0.2) as proxy:
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="anna"))
            assert await client.rest() == "R E(57014) EOF"
            client = await client_class.connect(proxy.port)
            client.send(pg.startup(user="anna"))
            await client.message()
            client.send(pg.BYE)
            assert await client.rest() == "EOF"
        assert [detail for *_, detail in guard.sessions] == [
            "the login took too long",
            "the client left during the login",
        ]


class TestItsFiles:
    @pytest.mark.parametrize(
        ("content", "mode", "said"),
        [
            (b"", 0o600, "upstream.login: the password is empty"),
            (b"\n", 0o600, "upstream.login: the password is empty"),
            (b"\xff", 0o600, "upstream.login.password_file: .* is not UTF-8 text"),
            (b"secret", 0o644, "upstream.login.password_file: others may read .*; run `chmod 600"),
            (None, 0o600, "upstream.login.password_file: .* cannot be read: No such file"),
        ],
    )
    def test_a_password_file_that_is_none(self, tmp_path, content, mode, said) -> None:
        path = tmp_path / "service.txt"
        if content is not None:
            path.touch(mode)
            path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=said) as caught:
            Credentials(self._settings(password_file=str(path)))
        assert "secret" not in str(caught.value)

    def test_a_password_from_the_environment(self, monkeypatch) -> None:
        settings = self._settings(password_env="GUARD_PASSWORD")
        with pytest.raises(ConfigurationError, match="password_env: there is no variable GUARD_PASSWORD"):
            Credentials(settings)
        monkeypatch.setenv("GUARD_PASSWORD", "x")
        assert Credentials(settings).login.account.clear_text() == b"x"

    def _settings(self, **login) -> Settings:
        return Settings(
            upstream=UpstreamSettings(host="x", login=UpstreamLoginSettings(user="u", **login)),
            journal=JournalSettings(path="x"),
            authentication=AuthenticationSettings(mode="guard", methods=("certificate",)),
        )


class TestTheGuardsOwnAccount:
    @pytest.mark.parametrize("user", ["scram", "md5", "clear"])
    async def test_logs_in_as_the_server_asks(self, run_guarded, user) -> None:
        async with (
            run_guarded(user=user, password="p") as proxy,
            await psycopg.AsyncConnection.connect(conninfo(proxy)) as connection,
        ):
            assert await (await connection.execute("select session_user")).fetchone() == (user,)

    @pytest.mark.parametrize(("user", "password"), [("service", "wrong"), ("nobody", "x"), ("md5", "wrong")])
    async def test_is_none_of_the_client_s_business(
        self, run_guarded, client_class, pg, logged, user, password
    ) -> None:
        async with run_guarded(user=user, password=password) as proxy:
            told, _, client = await tries(client_class, proxy, pg, "anna", PASSWORD)
        assert told in {"R E(57P03) EOF", "R R E(57P03) EOF"}  # let in first where pg_hba.conf says trust
        assert client.errors[0]["M"].endswith("the database server does not let the guard in")
        assert user not in str(client.errors)
        assert any("does not let the guard in: 28" in str(entry.get("reason")) for entry in logged)

    @pytest.mark.parametrize(
        ("asked", "why"),
        [
            (struct.pack("!I", 3), "in clear text over an open connection"),
            (struct.pack("!I", 10) + b"SCRAM-SHA-512\0\0", "does not answer"),
            (struct.pack("!I", 5) + b"12", "MD5 salt of the wrong length"),
            (struct.pack("!I", 7), "does not answer"),
            (struct.pack("!I", 11) + b"r=x", "does not answer"),
        ],
    )
    async def test_gives_nothing_away_to_a_server_that_asks_strangely(
        self, run_guarded, client_class, pg, logged, asked, why
    ) -> None:
        heard = []

        async def serve(reader, writer) -> None:
            size = struct.unpack("!I", await reader.readexactly(4))[0]
            assert b"user\0service\0" in await reader.readexactly(size - 4)
            writer.write(pg.frame(b"R", asked))
            heard.append(await reader.read())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with run_guarded(host="127.0.0.1", port=server.sockets[0].getsockname()[1]) as proxy:
            told, _, _ = await tries(client_class, proxy, pg, "anna", PASSWORD)
        server.close()
        assert told == "R E(57P03) EOF"
        assert heard == [b""]
        assert any(why in str(entry.get("reason")) for entry in logged)

    async def test_believes_no_server_that_does_not_know_its_password(
        self, run_guarded, client_class, pg, logged
    ) -> None:
        async def serve(reader, writer) -> None:
            size = struct.unpack("!I", await reader.readexactly(4))[0]
            await reader.readexactly(size - 4)
            writer.write(pg.frame(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
            await reader.readexactly(1)
            first = await reader.readexactly(struct.unpack("!I", await reader.readexactly(4))[0] - 4)
            nonce = first.rpartition(b"r=")[2] + b"server"
            writer.write(pg.frame(b"R", struct.pack("!I", 11) + b"r=" + nonce + b",s=AAAA,i=4096"))
            await reader.readexactly(5)
            writer.write(pg.frame(b"R", bytes(4)))  # in, without a proof
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with run_guarded(host="127.0.0.1", port=server.sockets[0].getsockname()[1]) as proxy:
            told, _, _ = await tries(client_class, proxy, pg, "anna", PASSWORD)
        server.close()
        assert told == "R E(57P03) EOF"
        assert any("without proving" in str(entry.get("reason")) for entry in logged)
