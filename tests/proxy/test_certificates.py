"""Client certificates: who shows one, whose it is, and how a session was authenticated."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from cryptography.x509.oid import NameOID

from readonly_guard.domain import Subject, core_reason
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import JournalSettings, ListenerSettings, ListenerTlsSettings, Settings, UpstreamSettings
from readonly_guard_proxy.net.credentials import Credentials

HSA_ID = "SE2321000016-P000000000001"
ANNA = ((NameOID.COUNTRY_NAME, "SE"), (NameOID.COMMON_NAME, "Anna Lind"), (NameOID.SERIAL_NUMBER, HSA_ID))


@pytest.fixture
def run_tls(run_proxy, postgres, authority):
    def running(**tls):
        settings = ListenerTlsSettings(**{**authority.server(), "client_ca": authority.people, **tls})
        return run_proxy(str(Path(postgres).parent), tls=settings)

    return running


def conninfo(proxy, authority, **person: str) -> str:
    shown = " ".join(f"{key}={value}" for key, value in person.items())
    return f"host=localhost port={proxy.port} user=scram password=p dbname=postgres sslmode=verify-full sslrootcert={authority.root} {shown}"


async def test_one_that_is_shown_is_read_before_the_server_is_asked_anything(run_tls, authority, guard) -> None:
    guard.identity = lambda login: Subject(id="scram", properties={"authentication": "certificate", "hsa_id": HSA_ID})
    async with (
        run_tls() as proxy,
        await psycopg.AsyncConnection.connect(
            conninfo(proxy, authority, **authority.person("anna", *ANNA))
        ) as connection,
    ):
        await connection.execute("select 1")
    (login,) = guard.logins
    assert (login.user, login.session.database) == ("scram", "postgres")
    assert login.certificate.subject == (("countryName", "SE"), ("commonName", "Anna Lind"), ("serialNumber", HSA_ID))
    assert dict(login.certificate.issuer)["commonName"].startswith("SITHS e-id Person")
    assert len(login.certificate.fingerprint) == 64
    assert guard.requests[-1].subject.properties == {"authentication": "certificate", "hsa_id": HSA_ID}
    assert guard.sessions[0] == ("opened", "scram", (), "authentication: certificate")


async def test_without_one_the_way_the_server_asked_is_told(run_tls, authority, guard) -> None:
    async with run_tls() as proxy, await psycopg.AsyncConnection.connect(conninfo(proxy, authority)) as connection:
        await connection.execute("select 1")
    assert guard.logins[0].certificate is None
    assert guard.requests[-1].subject == Subject(id="scram", properties={"authentication": "scram-sha-256"})


@pytest.mark.parametrize(("role", "method"), [("md5", "md5"), ("postgres", "trust")])
async def test_the_ways_have_the_names_of_pg_hba_conf(proxy, guard, role, method) -> None:
    async with await psycopg.AsyncConnection.connect(
        f"host=localhost port={proxy.port} user={role} password=p dbname=postgres"
    ) as connection:
        await connection.execute("select 1")
    assert guard.requests[-1].subject.properties == {"authentication": method}


async def test_an_identity_that_is_refused_never_reaches_the_server(run_tls, authority, guard) -> None:
    guard.identity = lambda login: core_reason("RG-A04", "its serialNumber belongs to another user")
    async with run_tls() as proxy:
        with pytest.raises(psycopg.OperationalError, match=r"does not belong to the user \(RG-A04\)"):
            await psycopg.AsyncConnection.connect(conninfo(proxy, authority, **authority.person("anna", *ANNA)))
    assert guard.sessions == [("refused", "scram", ("RG-A04",), "its serialNumber belongs to another user")]


async def test_one_by_somebody_else_or_revoked_or_missing_is_refused_in_the_handshake(
    run_tls, authority, guard, tmp_path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = type(authority)(tmp_path / "other").person("eve", *ANNA)
    valid, revoked = authority.person("anna", *ANNA), authority.person("bo", *ANNA, revoked=True)
    async with run_tls(client_certificates="require", client_crl=authority.revoked) as proxy:
        for person in (stranger, revoked, {}):
            with pytest.raises(psycopg.OperationalError, match=r"certificate|alert|closed|eof"):
                await psycopg.AsyncConnection.connect(conninfo(proxy, authority, **person))
        await (await psycopg.AsyncConnection.connect(conninfo(proxy, authority, **valid))).close()
    refused = [detail for event, _, _, detail in guard.sessions if event == "refused"]
    assert len(refused) == 3
    assert any("certificate revoked" in detail for detail in refused)
    assert any("peer did not return a certificate" in detail for detail in refused)
    assert guard.logins[0].certificate is not None


def test_a_revocation_list_that_is_none_is_named(authority) -> None:
    empty = authority.write("empty.pem", b"")
    for file in (empty, authority.people):
        tls = ListenerTlsSettings(**authority.server(), client_ca=authority.people, client_crl=file)
        settings = Settings(
            upstream=UpstreamSettings(host="x"), journal=JournalSettings(path="x"), listener=ListenerSettings(tls=tls)
        )
        with pytest.raises(ConfigurationError, match=r"listener.tls.client_crl: .* holds no revocation list in PEM"):
            Credentials(settings)
