"""A certificate authority for tests of TLS: hosts, persons with their cards, and whose card was revoked."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YESTERDAY = datetime.now(UTC) - timedelta(days=1)
_TOMORROW = datetime.now(UTC) + timedelta(days=1)


class Authority:
    """A certificate authority of the test's own, and files of what it issued."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ca = trustme.CA()
        self._people = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SITHS e-id Person HSA-id 3 CA (test)")])
        self._people_key = ec.generate_private_key(ec.SECP256R1())
        self._revoked: list[int] = []
        self.root = self.write("root.pem", self._ca.cert_pem.bytes())

    def write(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.write_bytes(data)
        path.chmod(0o600)
        return str(path)

    def server(self, name: str = "server", *hosts: str) -> dict[str, str]:
        """Certificate and key for a host, as settings name them."""
        issued = self._ca.issue_cert(*(hosts or ("localhost", "127.0.0.1")))
        return {
            "certificate": self.write(f"{name}.pem", b"".join(blob.bytes() for blob in issued.cert_chain_pems)),
            "key": self.write(f"{name}.key", issued.private_key_pem.bytes()),
        }

    def person(self, name: str, *subject: tuple[x509.ObjectIdentifier, str], revoked: bool = False) -> dict[str, str]:
        """Certificate and key of a person, by an authority for persons whose root is `people`.

        Files by libpq's names for them.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        issued = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(oid, value) for oid, value in subject]))
            .issuer_name(self._people)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_YESTERDAY)
            .not_valid_after(_TOMORROW)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._people_key, hashes.SHA256())
        )
        if revoked:
            self._revoked.append(issued.serial_number)
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        return {
            "sslcert": self.write(f"{name}.pem", issued.public_bytes(serialization.Encoding.PEM)),
            "sslkey": self.write(f"{name}.key", pem),
        }

    @property
    def people(self) -> str:
        """The root of the authority for persons."""
        key = self._people_key
        root = (
            x509.CertificateBuilder()
            .subject_name(self._people)
            .issuer_name(self._people)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(_YESTERDAY)
            .not_valid_after(_TOMORROW)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return self.write("people.pem", root.public_bytes(serialization.Encoding.PEM))

    @property
    def revoked(self) -> str:
        """Its revocation list."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._people)
        for number in self._revoked:
            one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(_YESTERDAY).build()
            builder = builder.add_revoked_certificate(one)
        signed = builder.last_update(_YESTERDAY).next_update(_TOMORROW).sign(self._people_key, hashes.SHA256())
        return self.write("revoked.pem", signed.public_bytes(serialization.Encoding.PEM))

    def trust(self, *, alpn: str | None = "postgresql", **person: str) -> ssl.SSLContext:
        """A client's context, with a person's certificate where one is given."""
        context = ssl.create_default_context(cafile=self.root)
        if person:
            context.load_cert_chain(person["sslcert"], person["sslkey"])
        if alpn is not None:
            context.set_alpn_protocols([alpn])
        return context
