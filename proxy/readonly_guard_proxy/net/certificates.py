"""Certificates, keys and passwords: files become what is in force, all of it or, when one is bad, nothing.

PostgreSQL's own rules hold where it has any ("Secure TCP/IP Connections with SSL"): a key that others may read is
refused, TLS 1.2 is the least, ALPN offers ``postgresql``. Session tickets are off, as they are there.
"""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path
from typing import Final, Never

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import ListenerTlsSettings, Settings, UpstreamSettings
from readonly_guard_proxy.net.verifiers import Verifiers, read_verifiers
from readonly_guard_proxy.session.service_login import ServiceAccount

__all__ = ["ALPN", "Certificates"]

ALPN: Final = "postgresql"
"""The protocol's registered name (IANA, "TLS Application-Layer Protocol Negotiation Protocol IDs")."""

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_OF_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OF_OTHERS_BUT_THE_GROUP: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


class Certificates:
    """The contexts in force. A connection keeps the one with which it began.

    ``listener`` is the context towards clients, None without TLS; ``is_required`` says that no client may do without;
    ``binding`` is what channel binding binds to, a hash of the certificate.
    ``upstream`` is the one towards the server, None where TLS is disabled. Where clients log in at the guard, ``users``
    has their verifiers (None where no password is enough), ``account`` is the guard's own at the server, and
    ``is_certificate_enough`` says what it says; ``users`` and ``account`` are None where logins pass through.

    Args:
        settings: name the files.

    Raises:
        ConfigurationError: a file cannot be read or is not what it should be; the text names key, file and fault.
    """

    def __init__(self, settings: Settings) -> None:
        self.renew(settings)

    def renew(self, settings: Settings) -> None:
        """Read the files again. Either all contexts are new afterwards, or none is.

        Raises:
            ConfigurationError: as above; what was in force stays in force.
        """
        tls = settings.listener.tls
        listener = _listener_context(tls)
        binding = None if listener is None or tls.certificate is None else _binding(tls.certificate)
        fresh = _upstream_context(settings.upstream), _users(settings), _account(settings)
        # nothing below can fail: until here everything is as it was
        self.listener, self.binding = listener, binding
        self.upstream, self.users, self.account = fresh
        self.is_required = tls.effective_mode == "require"
        self.is_certificate_enough = "certificate" in settings.authentication.methods


def _listener_context(tls: ListenerTlsSettings) -> ssl.SSLContext | None:
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
    return context


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


def _upstream_context(upstream: UpstreamSettings) -> ssl.SSLContext | None:
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


def _users(settings: Settings) -> Verifiers | None:
    path = settings.authentication.users
    return None if path is None else Verifiers(read_verifiers(Path(path)))


def _account(settings: Settings) -> ServiceAccount | None:
    login = settings.upstream.login
    if login.user is None:
        return None
    password = None
    if login.password_file is not None:
        name = "upstream.login.password_file"
        _readable(name, login.password_file)
        _only_ours(name, login.password_file)
        try:
            password = Path(login.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{name}: {login.password_file} is not UTF-8 text (byte {error.start})") from error
    elif login.password_env is not None:
        password = os.environ.get(login.password_env)
        if password is None:
            raise ConfigurationError(f"upstream.login.password_env: there is no variable {login.password_env}")
    if password == "":
        raise ConfigurationError("upstream.login: the password is empty")
    return ServiceAccount(login.user, password)


def _load_own(context: ssl.SSLContext, section: str, certificate: str, key: str) -> None:
    _readable(f"{section}.certificate", certificate)
    _readable(f"{section}.key", key)
    _only_ours(f"{section}.key", key)

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
    _readable(name, path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigurationError(f"{name}: {path} holds no certificate in PEM") from error


def _load_crl(context: ssl.SSLContext, name: str, path: str) -> None:
    _readable(name, path)
    before = context.cert_store_stats()["crl"]
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigurationError(f"{name}: {path} holds no revocation list in PEM") from error
    if context.cert_store_stats()["crl"] == before:
        raise ConfigurationError(f"{name}: {path} holds no revocation list in PEM")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except OSError as error:
        raise ConfigurationError(f"{name}: {path} cannot be read: {error.strerror}") from error


def _only_ours(name: str, path: str) -> None:
    """As PostgreSQL has it: 0600 or less, or 0640 or less where root owns the file."""
    status = Path(path).stat()
    is_lent_by_root = status.st_uid == 0 and os.geteuid() != 0
    if status.st_mode & (_OF_OTHERS_BUT_THE_GROUP if is_lent_by_root else _OF_OTHERS):
        raise ConfigurationError(f"{name}: others may read {path}; run `chmod 600 {path}`")
