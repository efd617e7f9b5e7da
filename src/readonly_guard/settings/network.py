"""Who may connect, how, and for how long: the listener, the server behind it, logins, limits, operations."""

from __future__ import annotations

import ipaddress
from typing import Literal

import msgspec

from readonly_guard.domain import Language
from readonly_guard.settings.section import Section

__all__ = [
    "AdminSettings",
    "AuthenticationSettings",
    "CertificateRule",
    "IdentityRuleSettings",
    "IdentitySettings",
    "LimitSettings",
    "ListenerSettings",
    "ListenerTlsSettings",
    "LoggingSettings",
    "TcpSettings",
    "UpstreamLoginSettings",
    "UpstreamSettings",
    "UpstreamTlsSettings",
    "WorkerSettings",
    "is_this_machine",
]


class ListenerTlsSettings(Section, frozen=True, kw_only=True):
    """TLS towards clients, in-band (SSLRequest) and direct (``sslnegotiation=direct``, ALPN ``postgresql``).

    Files are PEM and are read again at SIGHUP. ``key`` must not be readable by others, nor be encrypted.
    """

    mode: Literal["off", "allow", "require"] | None = None
    """``allow`` takes clients without TLS, too. Without it: ``require`` where there is a certificate, else ``off``."""
    certificate: str | None = None
    """The guard's certificate, followed by what leads up to the root that clients trust."""
    key: str | None = None
    client_ca: str | None = None
    """Roots of client certificates. With it a client is asked for one, and one that does not verify is refused."""
    client_crl: str | None = None
    """Revocation lists of their issuers; with it every client certificate is looked up, and no list is a refusal."""
    client_certificates: Literal["optional", "require"] = "optional"
    """``require`` takes no client over TLS without one."""
    minimum_version: Literal["1.2", "1.3"] = "1.2"

    @property
    def effective_mode(self) -> Literal["off", "allow", "require"]:
        """The mode, its default applied."""
        return self.mode or ("off" if self.certificate is None else "require")


class TcpSettings(Section, frozen=True, kw_only=True):
    """How a peer that is gone without a word is found out (`tcp(7)`); of no effect on a unix socket.

    A connection on which nothing happens is asked after ``keepalive_idle_s`` whether anybody is there, then every
    ``keepalive_interval_s``, and closed after ``keepalive_probes`` unanswered questions: two minutes by default.
    """

    keepalive_idle_s: int = 60
    keepalive_interval_s: int = 10
    keepalive_probes: int = 6
    unacknowledged_s: int | None = None
    """How long data that was sent may stay unacknowledged (TCP_USER_TIMEOUT); the system's, some 15 minutes, if unset.

    A client that stops reading for so long is cut off as well, also one whose user looks at the first page of a result.
    """


class ListenerSettings(Section, frozen=True, kw_only=True):
    """Where clients connect. Port 0 takes a free one (tests, demo)."""

    host: str = "127.0.0.1"
    port: int = 6432
    name: str = "default"
    language: Language = "en"
    tls: ListenerTlsSettings = ListenerTlsSettings()
    tcp: TcpSettings = TcpSettings()


class UpstreamTlsSettings(Section, frozen=True, kw_only=True):
    """TLS towards the server; the modes are those of libpq's ``sslmode`` that mean something.

    ``allow`` and ``prefer`` are not among them: they protect from nobody who can change what is sent. Files are PEM and
    are read again at SIGHUP.
    """

    mode: Literal["disable", "require", "verify-ca", "verify-full"] | None = None
    """Without it: ``disable`` over a unix socket and to this machine itself, ``verify-full`` to any other."""
    root: str | None = None
    """Roots that the server's certificate must lead up to; without it, those of the system."""
    certificate: str | None = None
    """The guard's own, for a server that asks for one."""
    key: str | None = None
    minimum_version: Literal["1.2", "1.3"] = "1.2"


class UpstreamLoginSettings(Section, frozen=True, kw_only=True):
    """The guard's own account at the server, where clients log in at the guard (``authentication.mode = "guard"``).

    The password comes from a file that only the guard may read, or from an environment variable; from neither where the
    server asks for none (a certificate in ``upstream.tls``, ``peer``).
    """

    user: str | None = None
    password_file: str | None = None
    password_env: str | None = None


class UpstreamSettings(Section, frozen=True, kw_only=True):
    """The guarded server. A ``host`` that starts with ``/`` is the directory of a unix socket."""

    host: str
    port: int = 5432
    connect_timeout_s: float = 10.0
    tcp: TcpSettings = TcpSettings()
    tls: UpstreamTlsSettings = UpstreamTlsSettings()
    login: UpstreamLoginSettings = UpstreamLoginSettings()

    @property
    def is_socket(self) -> bool:
        """Whether the server is reached over a unix socket."""
        return self.host.startswith("/")

    @property
    def tls_mode(self) -> Literal["disable", "require", "verify-ca", "verify-full"]:
        """The mode of TLS, its default applied."""
        return self.tls.mode or ("disable" if self.is_socket or is_this_machine(self.host) else "verify-full")


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine itself, by its address or as localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class LimitSettings(Section, frozen=True, kw_only=True):
    """Bounds. A frame beyond ``message_bytes`` ends the connection; a text beyond the reading bounds is RG-T04."""

    message_bytes: int = 16 * 1024 * 1024
    startup_bytes: int = 10_000
    startup_timeout_s: float = 15.0
    """Within which a client must have sent its startup packet, and then again within which it must be let in."""
    statement_timeout_s: float | None = None
    """After which a statement is cancelled (57014); one that even then does not end costs its session. None: never.

    What is sent up to a Sync or Flush counts as one, because the server holds its replies back until then.
    """
    idle_timeout_s: float | None = None
    """After which a session that does nothing is ended (57P05). None: never."""
    idle_in_transaction_timeout_s: float | None = None
    """After which one that does nothing, but keeps a transaction open, is ended (25P03). None: never."""
    statement_bytes: int = 100_000
    tokens: int = 24_000
    drain_s: float = 10.0
    """How long statements that are under way may take to end when the guard stops; then they are cut off (57P01)."""
    connections: int = 1_000
    """Sessions in all; one more is refused (53300) before the server hears of it."""
    connections_per_user: int | None = None
    connections_per_address: int | None = None
    """Connections from one address, those that have not yet said who they are included."""


class AuthenticationSettings(Section, frozen=True, kw_only=True):
    """Where clients log in.

    ``pass_through``: at the server, with its users and passwords; the guard learns no secret. ``guard``: at the guard,
    by any one of ``methods``; the guard then uses its own account at the server (``upstream.login``).
    """

    mode: Literal["pass_through", "guard"] = "pass_through"
    methods: tuple[Literal["scram-sha-256", "certificate"], ...] = ("scram-sha-256",)
    """What is enough. ``certificate`` is one that an identity plugin knows the owner of."""
    users: str | None = None
    """The file of SCRAM verifiers that ``readonly-guard users`` keeps; read again at SIGHUP."""


class CertificateRule(Section, frozen=True, kw_only=True):
    """What is taken out of a client certificate; the first rule that fits counts.

    It fits where the issuer is right, the subject has ``field`` exactly once, and its whole value matches ``pattern``.
    """

    field: str = "serialNumber"
    """An attribute of the subject by OpenSSL's long name; SITHS has the HSA-id in ``serialNumber``."""
    pattern: str = "SE[0-9]{10}-[0-9A-Z]+"
    """A regular expression; what its first group matches is the value, without a group all of it."""
    issuer: str | None = None
    """The issuer's ``commonName``, for where authorities differ in how surely they know people."""


class IdentityRuleSettings(CertificateRule, frozen=True, kw_only=True):
    """What the plugin ``identity_certificate`` takes out of a client certificate, and what it is worth."""

    property: str = "hsa_id"
    """Of the policy's subject, which gets the value."""
    assurance_level: int | None = None
    """What such a certificate is worth to the policy (``assurance_level``); a SITHS card is 3."""


class IdentitySettings(Section, frozen=True, kw_only=True):
    """Whose login it is. ``users`` says for a certificate's value which database users it may be."""

    certificates: tuple[IdentityRuleSettings, ...] = ()
    users: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class WorkerSettings(Section, frozen=True, kw_only=True):
    """Processes that serve clients, on one port. Each reads new texts in ``reading.workers`` processes of its own."""

    count: int = 1
    """1 to 255; more than one are kept by a supervisor, and each writes a chain of its own below ``journal.path``."""


class AdminSettings(Section, frozen=True, kw_only=True):
    """Where operations look: /metrics, /healthz, /readyz, and what `readonly-guard status` shows. Off by default.

    It has no authentication and shows no statement and no person, but counts and addresses: keep it on the loopback
    interface, on a unix socket (mode 0660), or inside the network of the monitoring.
    """

    port: int | None = None
    """0 takes a free one, which is logged."""
    host: str = "127.0.0.1"
    socket: str | None = None
    """The path of a unix socket, instead of a port."""


class LoggingSettings(Section, frozen=True, kw_only=True):
    """What is told on standard error; the log of decisions is the journal. No statement is ever in it."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    """``info`` tells of every denial and every connection that is refused; ``warning`` only of what went wrong."""
