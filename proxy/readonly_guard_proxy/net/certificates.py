"""Certificates and keys: PEM files become TLS contexts.

PostgreSQL's own rules hold where it has any ("Secure TCP/IP Connections with SSL"): a key that others may read is
refused, TLS 1.2 is the least, ALPN offers ``postgresql``. Session tickets are off, as they are there.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final, Never

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import ListenerTlsSettings, UpstreamSettings
from readonly_guard_proxy.net.private_files import must_be_ours, must_be_readable

__all__ = ["ALPN", "ClientTls", "client_tls", "server_context"]

ALPN: Final = "postgresql"
"""The protocol's registered name (IANA, "TLS Application-Layer Protocol Negotiation Protocol IDs")."""

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class ClientTls(msgspec.Struct, frozen=True, kw_only=True):
    """TLS towards clients.

    Args:
        context: certificate, key and rules.
        is_required: no client may do without.
        binding: what channel binding binds to, a hash of the certificate; None where there is none.
    """

    context: ssl.SSLContext
    is_required: bool
    binding: bytes | None


def client_tls(tls: ListenerTlsSettings) -> ClientTls | None:
    """TLS towards clients; None where there is none.

    Raises:
        ConfigurationError: a file cannot be read or is not what it should be; the text names key, file and fault.
    """
    if tls.effective_mode == "off" or tls.certificate is None or tls.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    context.set_alpn_protocols([ALPN])
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_own(context, "listener.tls", tls.certificate, tls.key)
    if tls.client_ca is not None:
        _load_roots(context, "listener.tls.client_ca", tls.client_ca)
        is_required = tls.client_certificates == "require"
        context.verify_mode = ssl.CERT_REQUIRED if is_required else ssl.CERT_OPTIONAL
    if tls.client_crl is not None:
        _load_crl(context, "listener.tls.client_crl", tls.client_crl)
    return ClientTls(context=context, is_required=tls.effective_mode == "require", binding=_binding(tls.certificate))


def _binding(path: str) -> bytes | None:
    """The hash of RFC 5929, 4.1: with the signature's own algorithm, SHA-256 in place of MD5 and SHA-1."""
    try:
        certificate = x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
        algorithm = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None  # OpenSSL reads it, but nobody could say what to bind to
    if algorithm is None:
        return None  # Ed25519, for which the RFC names none
    return certificate.fingerprint(SHA256() if algorithm.name in {"md5", "sha1"} else algorithm)


def server_context(upstream: UpstreamSettings) -> ssl.SSLContext | None:
    """The context for TLS towards the server; None where it is disabled.

    Raises:
        ConfigurationError: as for :func:`client_tls`.
    """
    tls, mode = upstream.tls, upstream.tls_mode
    if mode == "disable":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    context.set_alpn_protocols([ALPN])
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_NONE if mode == "require" else ssl.CERT_REQUIRED
    if tls.root is not None:
        _load_roots(context, "upstream.tls.root", tls.root)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.certificate is not None and tls.key is not None:
        _load_own(context, "upstream.tls", tls.certificate, tls.key)
    return context


def _load_own(context: ssl.SSLContext, section: str, certificate: str, key: str) -> None:
    must_be_readable(f"{section}.certificate", certificate)
    must_be_readable(f"{section}.key", key)
    must_be_ours(f"{section}.key", key)

    def no_passphrase() -> Never:
        raise ConfigurationError(f"{section}.key: {key} is encrypted; give the guard a key without a passphrase")

    try:
        context.load_cert_chain(certificate, key, password=no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigurationError(f"{section}.key: {key} is not the key of {certificate}") from error
        raise ConfigurationError(
            f"{section}.certificate: {certificate} and {key} are not a certificate chain and its key in PEM "
            f"({error.reason or 'no PEM block found'})"
        ) from error


def _load_roots(context: ssl.SSLContext, name: str, path: str) -> None:
    must_be_readable(name, path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigurationError(f"{name}: {path} holds no certificate in PEM") from error


def _load_crl(context: ssl.SSLContext, name: str, path: str) -> None:
    must_be_readable(name, path)
    before = context.cert_store_stats()["crl"]
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigurationError(f"{name}: {path} holds no revocation list in PEM") from error
    if context.cert_store_stats()["crl"] == before:
        raise ConfigurationError(f"{name}: {path} holds no revocation list in PEM")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
