"""SCRAM-SHA-256: RFC 7677's example, SASLprep's, and what a liar could send."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.scram import ClientExchange, Keys, ServerExchange, Verifier, keys_of, prepared

# RFC 7677, 3: user "user", password "pencil"
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
THEIRS, OURS = b"rOprNGfwEbeRWgbNEkqO", b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
PENCIL = Verifier.of("pencil", SALT)


def exchange() -> ServerExchange:
    begun = ServerExchange(PENCIL, OURS)
    begun.first(CLIENT_FIRST)
    return begun


def test_the_servers_side_of_the_rfcs_example() -> None:
    begun = ServerExchange(PENCIL, OURS)
    assert begun.first(CLIENT_FIRST) == SERVER_FIRST
    assert begun.final(CLIENT_FINAL) == SERVER_FINAL


@given(st.text(max_size=40), st.binary(min_size=1, max_size=24))
def test_both_sides_agree_and_on_nothing_else(password, salt) -> None:
    verifier = Verifier.of(password, salt)
    for tried in (password, password + "x"):
        client, server = ClientExchange(lambda *to: keys_of(tried, *to), b"mine"), ServerExchange(verifier, b"yours")  # noqa: B023
        answer = server.final(client.final(server.first(client.first())))
        assert (answer is not None) == (tried == password)
        assert client.is_server(answer or b"") == (tried == password)


def test_a_client_believes_no_server_that_does_not_know_the_verifier() -> None:
    client = ClientExchange(lambda *to: keys_of("pencil", *to), b"mine")
    assert not client.is_server(b"v=")
    client.final(b"r=mineyours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert not client.is_server(SERVER_FINAL)
    assert not client.is_server(b"v=")
    assert not client.is_server(b"")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"p=tls-server-end-point,,n=,r=x",
        b"n,a=admin,n=,r=x",
        b"n,,n=,r=",
        b"n,,n=,r=x,ext=1",
        b"n,,m=x,n=,r=x",
        b"n,,n=,r=\xc3\xa5",
        b"x,,n=,r=x",
        b"n,,r=x,n=",
        b"n,,n=,r=x\n",
    ],
)
def test_a_first_message_that_is_malformed_or_wants_what_there_is_not(message) -> None:
    with pytest.raises(ProtocolViolation):
        ServerExchange(PENCIL, OURS).first(message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"c=biws", b"c=eSws"),  # another flag than in the first message: a downgrade
        (b"c=biws", b"c=cD1"),
        (b"fuxFIlj)", b"fuxFIlj("),
        (b",p=", b",x=1,p="),
        (b"p=dHzb", b"p=dHz"),
        (b"p=dHzb", b"p=====dHzb"),
        (b"VQ=", b"VQ=\0"),
        (CLIENT_FINAL, b""),
    ],
)
def test_a_final_message_that_is_malformed_or_of_another_exchange(old, new) -> None:
    with pytest.raises(ProtocolViolation):
        exchange().final(CLIENT_FINAL.replace(old, new))


def test_a_proof_of_another_password_proves_nothing() -> None:
    assert exchange().final(CLIENT_FINAL.replace(b"dHzb", b"eHzb")) is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"r=yours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=mine,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=mineyours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095",
        b"r=mineyours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001",
        b"r=mineyours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0004096",
        b"r=mineyours,s=W22ZaJ0SNY7soEsUEjb6gQ=,i=4096",
        b"r=mineyours,i=4096,s=W22ZaJ0SNY7soEsUEjb6gQ==",
        b"e=other-error",
    ],
)
def test_a_client_does_no_work_for_a_strange_server(message) -> None:
    def never(salt: bytes, iterations: int) -> Keys:
        raise AssertionError("asked to work")

    with pytest.raises(ProtocolViolation):
        ClientExchange(never, b"mine").final(message)


HASH = bytes(range(32))
BOUND = b"p=tls-server-end-point,,"


def final_of(client_first: bytes, server_first: bytes, binding: bytes) -> bytes:
    """A right proof for whatever the client says of binding."""
    header, bare = client_first[: client_first.index(b",,") + 2], client_first[client_first.index(b",,") + 2 :]
    without = b"c=" + base64.b64encode(header + binding) + b",r=" + server_first.split(b",")[0][2:]
    keys = keys_of("pencil", SALT, 4096)
    stored = hashlib.sha256(keys.client).digest()
    signature = hmac.digest(stored, b",".join((bare, server_first, without)), "sha256")
    return without + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(keys.client, signature, strict=True)))


def test_a_bound_exchange_is_good_on_its_own_connection_only() -> None:
    for shown, is_good in ((HASH, True), (HASH[::-1], False), (b"", False)):
        server = ServerExchange(PENCIL, OURS, binding=HASH, is_bound=True)
        answer = server.first(BOUND + b"n=,r=x")
        final = final_of(BOUND + b"n=,r=x", answer, shown)
        if is_good:
            assert server.final(final) is not None
        else:
            with pytest.raises(ProtocolViolation, match="does not belong to the first"):
                server.final(final)


@pytest.mark.parametrize(
    ("offered", "is_bound", "header", "is_taken"),
    [
        (None, False, b"n,,", True),
        (None, False, b"y,,", True),
        (None, False, BOUND, False),
        (HASH, False, b"n,,", True),
        (HASH, False, b"y,,", False),  # it could bind and saw no offer: somebody took it away
        (HASH, False, BOUND, False),
        (HASH, True, BOUND, True),
        (HASH, True, b"n,,", False),
        (HASH, True, b"y,,", False),
    ],
)
def test_what_a_client_may_say_of_binding(offered, is_bound, header, is_taken) -> None:
    server = ServerExchange(PENCIL, OURS, binding=offered, is_bound=is_bound)
    if is_taken:
        assert server.first(header + b"n=,r=x").startswith(b"r=x")
    else:
        with pytest.raises(ProtocolViolation, match="not as it was offered"):
            server.first(header + b"n=,r=x")


def test_a_verifier_is_written_and_read_as_postgresql_does() -> None:
    text = str(PENCIL)
    assert (
        text
        == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert Verifier.parse(text) == PENCIL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pencil",
        "md5d2e0b1c1a3b44d4f1f2a8f3a8c0f6d3e",
        str(PENCIL) + "\n",
        str(PENCIL).replace("$4096", "$0"),
        str(PENCIL).replace("256", "512"),
        str(PENCIL)[:-4],
        str(PENCIL).replace("W22Z", "W22"),
        str(PENCIL).replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
    ],
)
def test_what_is_no_verifier_is_not_quoted(text) -> None:
    with pytest.raises(ValueError) as caught:
        Verifier.parse(text)
    assert str(caught.value) == "is not a SCRAM-SHA-256 verifier"


def test_secrets_show_themselves_in_no_repr() -> None:
    assert repr(PENCIL) == "Verifier(…)"
    assert repr(keys_of("pencil", SALT, 4096)) == "Keys(…)"
    assert repr((PENCIL,)) == "(Verifier(…),)"


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        ("I\u00adX", "IX"),  # RFC 4013, 3
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u0007", "\u0007"),  # forbidden, and so taken as it is; PostgreSQL lets all ASCII through
        ("å\u0007", "å\u0007"),
        ("\u06271", "\u06271"),  # forbidden: right to left at one end only
        ("\u06271\u0628", "\u06271\u0628"),
        ("a\u00a0b", "a b"),
        ("a\u0301", "\u00e1"),
        ("\u00ad", "\u00ad"),  # nothing would be left of it
        ("\ue000", "\ue000"),
    ],
)
def test_saslprep(password, hashed) -> None:
    assert prepared(password) == hashed.encode()


ODD = [
    "pencil",
    "",
    " ",
    "I\u00adX",
    "\u2168",
    "a\u00a0b",
    "a\u0301",
    "å\u0007",
    "\u06271\u0628",
    "\u06271",
    "\ue000",
    "\u00ad",
    "\U0001f40e",
]


def test_postgresql_hashes_every_password_to_the_same(postgres) -> None:
    """The real server is the oracle: also for what SASLprep forbids, and for its verifier's notation."""
    where = f"host={Path(postgres).parent} user=postgres dbname=postgres"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute("set password_encryption = 'scram-sha-256'")
        for password in filter(None, ODD):
            connection.execute(psycopg.sql.SQL("create role hashed password {}").format(password))
            (kept,) = connection.execute("select rolpassword from pg_authid where rolname = 'hashed'").fetchone()
            connection.execute("drop role hashed")
            verifier = Verifier.parse(kept)
            assert Verifier.of(password, verifier.salt, verifier.iterations) == verifier, password
            assert str(verifier) == kept
