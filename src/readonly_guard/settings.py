"""guard.toml, typed: every key with its meaning, unit and default, and a loader whose errors name the fix.

Paths in the file are relative to the file. Nothing is read from the environment but a variable that the file names
itself (``upstream.login.password_env``).
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

import msgspec

from readonly_guard.domain import Language
from readonly_guard.errors import ConfigurationError

__all__ = [
    "AdminSettings",
    "AllowedObjectSettings",
    "AuthenticationSettings",
    "CatalogSettings",
    "IdentityRuleSettings",
    "IdentitySettings",
    "InformationSetSettings",
    "JournalSettings",
    "KnownExtensionSettings",
    "LimitSettings",
    "ListenerSettings",
    "ListenerTlsSettings",
    "LoggingSettings",
    "Mode",
    "OpaSettings",
    "PluginSettings",
    "PolicySettings",
    "ReadingSettings",
    "Settings",
    "SigningSettings",
    "TcpSettings",
    "UpstreamLoginSettings",
    "UpstreamSettings",
    "UpstreamTlsSettings",
    "WorkerSettings",
    "load_settings",
    "read_section",
]


_LAST_PORT: Final = 65_535
_MOST_WORKERS: Final = 255


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ListenerTlsSettings(_Section, frozen=True, kw_only=True):
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


class TcpSettings(_Section, frozen=True, kw_only=True):
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


class ListenerSettings(_Section, frozen=True, kw_only=True):
    """Where clients connect. Port 0 takes a free one (tests, demo)."""

    host: str = "127.0.0.1"
    port: int = 6432
    name: str = "default"
    language: Language = "en"
    tls: ListenerTlsSettings = ListenerTlsSettings()
    tcp: TcpSettings = TcpSettings()


class UpstreamTlsSettings(_Section, frozen=True, kw_only=True):
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


class UpstreamLoginSettings(_Section, frozen=True, kw_only=True):
    """The guard's own account at the server, where clients log in at the guard (``authentication.mode = "guard"``).

    The password comes from a file that only the guard may read, or from an environment variable; from neither where the
    server asks for none (a certificate in ``upstream.tls``, ``peer``).
    """

    user: str | None = None
    password_file: str | None = None
    password_env: str | None = None


class UpstreamSettings(_Section, frozen=True, kw_only=True):
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
        return self.tls.mode or ("disable" if self.is_socket or _is_this_machine(self.host) else "verify-full")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SigningSettings(_Section, frozen=True, kw_only=True):
    """Who must have signed the policies, as `opa build --signing-key` and `opa sign` do; anything else is not taken."""

    key_file: str
    """The public key in PEM, or for HS… the secret that both share."""
    algorithm: Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
                       "HS256", "HS384", "HS512"] = "RS256"  # fmt: skip
    scope: str = ""


class OpaSettings(_Section, frozen=True, kw_only=True):
    """An OPA server that decides. It has its own policies and data: ``source`` and ``data`` are not read then.

    ``timeout_s`` is for a whole decision, nothing is asked twice. After ``failures`` in a row every decision is denied
    at once for ``rest_s`` seconds, then one is tried. The authorities that TLS trusts are the system's (OpenSSL's
    ``SSL_CERT_FILE``).
    """

    url: str
    token_file: str | None = None
    certificate: str | None = None
    """The guard's own, in PEM, for a server that asks for one; ``key`` where it is not in the same file."""
    key: str | None = None
    decision_path: str = "readonly_guard/authz/decision"
    timeout_s: float = 0.5
    failures: int = 5
    rest_s: float = 5.0


Mode = Literal["enforce", "warn", "dry_run"]
"""What becomes of a policy's denial: it denies, it is a warning to the client, or it is only recorded."""


class PolicySettings(_Section, frozen=True, kw_only=True):
    """The policies. ``source`` is a directory of Rego or a bundle (.tar.gz); without it, the shipped policies.

    ``data`` are JSON files or directories laid over the source's data documents; each top-level key of an overlay
    replaces the source's key whole. With ``signing`` the source must be signed, the overlays are the site's own. With
    ``watch_s`` the files are looked at every so many seconds, and a change is a SIGHUP.
    """

    source: str | None = None
    data: tuple[str, ...] = ()
    signing: SigningSettings | None = None
    watch_s: float = 0.0
    mode: Mode = "enforce"
    """Of the policies' denials. What the write lock, the log and plugins deny is denied in every mode."""
    rules: dict[str, Mode] = {}
    """Of single rules, by rule (``npo_first``) or code (``RG-X02``); goes before the others."""
    listeners: dict[str, Mode] = {}
    """Of listeners, by their name."""
    opa: OpaSettings | None = None


class JournalSettings(_Section, frozen=True, kw_only=True):
    """The log. ``fsync`` (default) survives power loss; ``buffered`` survives a crash of the guard only."""

    path: str
    """A directory; its name is the chain's. Processes that write one journal have a directory each below it."""
    durability: Literal["fsync", "buffered"] = "fsync"
    segment_mb: int = 256
    """A segment that would become longer is closed, and the next begun."""
    segment_hours: float = 24.0
    """So is one whose first record is older."""
    signing_key: str | None = None
    """The private key that signs heads (`readonly-guard audit keygen`); without it nothing is signed."""
    seal_every_s: float = 60.0
    """How often the head is signed, where it has moved; also when a segment is closed, and at the end."""


class InformationSetSettings(_Section, frozen=True, kw_only=True):
    """A table, or the part of it whose columns hold one of the values in ``when``, as a set of information with a name.

    Several entries may share a name. Where ``when`` names several columns, each of them must hold one of its values.
    """

    name: str
    table: str
    when: dict[str, tuple[str | int, ...]] = {}


class _InformationSets(_Section, frozen=True, kw_only=True):
    information_sets: tuple[InformationSetSettings, ...]


@cache
def _synthetic_sets() -> tuple[InformationSetSettings, ...]:
    text = files("readonly_guard").joinpath("information_sets.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _InformationSets).information_sets


class ReadingSettings(_Section, frozen=True, kw_only=True):
    """What the readings need to know about the database; names are folded as PostgreSQL folds them."""

    patient_keys: tuple[str, ...] = ("person_id", "encntr_id", "event_id", "order_id", "alias")
    """Columns that name a patient, or something that is one patient's, such as an encounter."""
    reference_tables: tuple[str, ...] = ("code_value", "organization", "prsnl")
    """Relations that hold nothing about patients: a read of them needs no predicate on a patient key."""
    documentation_tables: tuple[str, ...] = ("clinical_event", "ce_blob", "diagnosis", "allergy")
    signing_tables: tuple[str, ...] = ("ce_event_prsnl",)
    signing_columns: tuple[str, ...] = ("verified_dt_tm", "verified_prsnl_id")
    search_path: tuple[str, ...] = ("public",)
    """Schemas that a session may put on its search_path, beside ``$user`` and the system schemas."""
    composite_fields: tuple[str, ...] = (
        *("n", "x", "key", "value", "option_name", "option_value"),
        *("grantor", "grantee", "privilege_type", "is_grantable"),
    )
    """Fields that ``(expression).field`` may name; any other could be a call of a function of that name."""
    allowed_settings: tuple[str, ...] = ()
    """Further settings a session may change, such as a custom one that row security reads. Some can never be."""
    information_sets: tuple[InformationSetSettings, ...] = msgspec.field(default_factory=_synthetic_sets)
    """What the log calls that which is read; the default names the synthetic database's."""
    workers: int = 2
    """How many processes of the proxy read new texts; 0 reads them in the proxy's own process, without a deadline."""
    deadline_s: float = 1.0
    """Within how many seconds a new text is read, waiting included, or denied with RG-T04."""


class AllowedObjectSettings(_Section, frozen=True, kw_only=True):
    """An object that the owner vouches for, and why.

    ``object`` is ``function schema.name``, ``function schema.name(text, integer)`` or ``relation schema.name``.
    """

    object: str
    reason: str


class KnownExtensionSettings(_Section, frozen=True, kw_only=True):
    """An extension whose compiled functions are as their volatility says: they cannot be read, its authors are trusted.

    ``at_least`` and ``below`` bound its version. ``reads`` are volatile functions of it that only read, ``denied``
    others that do more than their volatility says.
    """

    name: str
    at_least: str
    below: str
    reads: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    reason: str = ""


class CatalogSettings(_Section, frozen=True, kw_only=True):
    """Where the database's catalog comes from, which says what a plain SELECT really runs.

    With neither ``dsn`` nor ``snapshot`` only PostgreSQL's built-in functions, operators and types are known.
    """

    dsn: str | None = None
    """Asks the server itself, with a role of the guard's own that needs no rights but to connect; the password may
    stand in a file (``?passfile=…``)."""
    snapshot: str | None = None
    """A file that ``readonly-guard catalog snapshot`` wrote; it is not refreshed."""
    refresh_s: float = 10.0
    """How often the server is asked whether its catalog has moved; a new snapshot is taken when it has."""
    timeout_s: float = 120.0
    """For connecting and for each query of a snapshot."""
    unknown_relations: Literal["deny", "allow"] | None = None
    """What becomes of tables and views while no catalog is known; None is ``deny`` where there should be one
    (``dsn``, ``snapshot``) and ``allow`` where there is none to be had."""
    allow: tuple[AllowedObjectSettings, ...] = ()
    extensions: tuple[KnownExtensionSettings, ...] = ()
    """Beside those that ship with the guard."""

    @property
    def denies_unknown_relations(self) -> bool:
        """Whether tables and views are denied while no catalog is known."""
        if self.unknown_relations is not None:
            return self.unknown_relations == "deny"
        return self.dsn is not None or self.snapshot is not None


class LimitSettings(_Section, frozen=True, kw_only=True):
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


class AuthenticationSettings(_Section, frozen=True, kw_only=True):
    """Where clients log in.

    ``pass_through``: at the server, with its users and passwords; the guard learns no secret. ``guard``: at the guard,
    by any one of ``methods``; the guard then uses its own account at the server (``upstream.login``).
    """

    mode: Literal["pass_through", "guard"] = "pass_through"
    methods: tuple[Literal["scram-sha-256", "certificate"], ...] = ("scram-sha-256",)
    """What is enough. ``certificate`` is one that an identity plugin knows the owner of."""
    users: str | None = None
    """The file of SCRAM verifiers that ``readonly-guard users`` keeps; read again at SIGHUP."""


class IdentityRuleSettings(_Section, frozen=True, kw_only=True):
    """What the plugin ``identity_certificate`` takes out of a client certificate; the first rule that fits counts.

    It fits where the issuer is right, the subject has ``field`` exactly once, and its whole value matches ``pattern``.
    """

    field: str = "serialNumber"
    """An attribute of the subject by OpenSSL's long name; SITHS has the HSA-id in ``serialNumber``."""
    pattern: str = "SE[0-9]{10}-[0-9A-Z]+"
    """A regular expression; what its first group matches is the value, without a group all of it."""
    property: str = "hsa_id"
    """Of the policy's subject, which gets the value."""
    issuer: str | None = None
    """The issuer's ``commonName``, for where authorities differ in how surely they know people."""
    assurance_level: int | None = None
    """What such a certificate is worth to the policy (``assurance_level``); a SITHS card is 3."""


class IdentitySettings(_Section, frozen=True, kw_only=True):
    """Whose login it is. ``users`` says for a certificate's value which database users it may be."""

    certificates: tuple[IdentityRuleSettings, ...] = ()
    users: dict[str, tuple[str, ...]] = {}


class WorkerSettings(_Section, frozen=True, kw_only=True):
    """Processes that serve clients, on one port. Each reads new texts in ``reading.workers`` processes of its own."""

    count: int = 1
    """1 to 255; more than one are kept by a supervisor, and each writes a chain of its own below ``journal.path``."""


class PluginSettings(_Section, frozen=True, kw_only=True):
    """Plugins by name (entry point group ``readonly_guard``); installing a package never changes enforcement."""

    load: tuple[str, ...] = ()
    timeout_s: float = 2.0


class AdminSettings(_Section, frozen=True, kw_only=True):
    """Where operations look: /metrics, /healthz, /readyz, and what `readonly-guard status` shows. Off by default.

    It has no authentication and shows no statement and no person, but counts and addresses: keep it on the loopback
    interface, on a unix socket (mode 0660), or inside the network of the monitoring.
    """

    port: int | None = None
    """0 takes a free one, which is logged."""
    host: str = "127.0.0.1"
    socket: str | None = None
    """The path of a unix socket, instead of a port."""


class LoggingSettings(_Section, frozen=True, kw_only=True):
    """What is told on standard error; the log of decisions is the journal. No statement is ever in it."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    """``info`` tells of every denial and every connection that is refused; ``warning`` only of what went wrong."""


class Settings(_Section, frozen=True, kw_only=True):
    """The whole file."""

    upstream: UpstreamSettings
    journal: JournalSettings
    listener: ListenerSettings = ListenerSettings()
    policy: PolicySettings = PolicySettings()
    reading: ReadingSettings = ReadingSettings()
    catalog: CatalogSettings = CatalogSettings()
    limits: LimitSettings = LimitSettings()
    plugins: PluginSettings = PluginSettings()
    identity: IdentitySettings = IdentitySettings()
    authentication: AuthenticationSettings = AuthenticationSettings()
    workers: WorkerSettings = WorkerSettings()
    admin: AdminSettings = AdminSettings()
    logging: LoggingSettings = LoggingSettings()
    plugin: dict[str, dict[str, Any]] = {}
    """A section for each plugin that has settings, ``[plugin.NAME]``; the plugin says what is in it."""
    folder: str = ""
    """Where relative paths of plugins start: the file's folder. Set by the loader, no key of the file."""


_OBJECT: Final = re.compile(r"(?:function [^.]+\.[^(]+(?:\(.*\))?|relation [^.]+\..+)")
_UNKNOWN: Final = re.compile(r"contains unknown field `(?P<key>[^`]*)`(?: - at `\$(?P<at>[^`]*)`)?")
_MISSING: Final = re.compile(r"missing required field `(?P<key>[^`]*)`(?: - at `\$(?P<at>[^`]*)`)?")


def load_settings(path: Path) -> Settings:
    """Read and check a guard.toml.

    Relative paths become absolute, from the file's folder.

    Raises:
        ConfigurationError: the file cannot be read, is not TOML, or a key or value is wrong; the text names the
            key and, for a misspelt one, the nearest right one.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: is not valid TOML: {error}") from error
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {_explain(str(error))}") from error
    _check(path, settings)
    base = path.resolve().parent
    return msgspec.structs.replace(
        settings,
        folder=str(base),
        admin=msgspec.structs.replace(
            settings.admin,
            socket=None if settings.admin.socket is None else str(base / settings.admin.socket),
        ),
        journal=msgspec.structs.replace(
            settings.journal,
            path=str(base / settings.journal.path),
            signing_key=None if settings.journal.signing_key is None else str(base / settings.journal.signing_key),
        ),
        catalog=msgspec.structs.replace(
            settings.catalog,
            snapshot=None if settings.catalog.snapshot is None else str(base / settings.catalog.snapshot),
        ),
        policy=msgspec.structs.replace(
            settings.policy,
            source=None if settings.policy.source is None else str(base / settings.policy.source),
            data=tuple(str(base / item) for item in settings.policy.data),
            signing=None if settings.policy.signing is None else _from(base, settings.policy.signing, "key_file"),
            opa=None if settings.policy.opa is None else _from(base, settings.policy.opa, *_OPA_FILES),
        ),
        upstream=msgspec.structs.replace(
            settings.upstream,
            tls=_from(base, settings.upstream.tls, "root", "certificate", "key"),
            login=_from(base, settings.upstream.login, "password_file"),
        ),
        authentication=_from(base, settings.authentication, "users"),
        listener=msgspec.structs.replace(
            settings.listener, tls=_from(base, settings.listener.tls, "certificate", "key", "client_ca", "client_crl")
        ),
    )


_OPA_FILES: Final = ("token_file", "certificate", "key")
_AnySection = TypeVar("_AnySection", bound=_Section)


def _from(base: Path, section: _AnySection, *keys: str) -> _AnySection:
    """The section with these paths, where there are any, made absolute."""
    paths = {key: value for key in keys if (value := getattr(section, key)) is not None}
    return msgspec.structs.replace(section, **{key: str(base / value) for key, value in paths.items()})


def _check_policy(path: Path, policy: PolicySettings) -> None:
    if not 0 <= policy.watch_s < math.inf:
        raise ConfigurationError(f"{path}: policy.watch_s is {policy.watch_s}; it must be 0 (never) or more")
    if policy.signing is not None and policy.source is None:
        raise ConfigurationError(f"{path}: policy.signing is for a policy.source; the shipped policies are not signed")
    if policy.opa is None:
        return
    for key in ("source", "data", "signing", "watch_s"):
        if getattr(policy, key):
            raise ConfigurationError(f"{path}: policy.{key} has no effect beside policy.opa; remove one of the two")
    for key in ("timeout_s", "failures", "rest_s"):
        value = getattr(policy.opa, key)
        if not 0 < value < math.inf:
            raise ConfigurationError(f"{path}: policy.opa.{key} is {value}; it must be above 0 and finite")
    if policy.opa.key is not None and policy.opa.certificate is None:
        raise ConfigurationError(f"{path}: policy.opa.key belongs to a policy.opa.certificate")


def _check(path: Path, settings: Settings) -> None:
    _check_policy(path, settings.policy)
    if settings.folder:
        raise ConfigurationError(f"{path}: unknown key 'folder'")
    for name in settings.plugin:
        if name not in settings.plugins.load:
            raise ConfigurationError(f"{path}: [plugin.{name}] is there, but plugins.load does not name {name!r}")
    for name, port, lowest in (
        ("listener.port", settings.listener.port, 0),
        ("upstream.port", settings.upstream.port, 1),
        ("admin.port", settings.admin.port or 0, 0),
    ):
        if not lowest <= port <= _LAST_PORT:
            raise ConfigurationError(f"{path}: {name} is {port}; a port is {lowest} to 65535")
    if settings.admin.port is not None and settings.admin.socket is not None:
        raise ConfigurationError(f"{path}: admin.port and admin.socket are both set; keep one")
    for section, part in (
        ("limits", settings.limits),
        ("journal", settings.journal),
        ("catalog", settings.catalog),
        ("plugins", settings.plugins),
        ("listener.tcp", settings.listener.tcp),
        ("upstream.tcp", settings.upstream.tcp),
    ):
        values: dict[str, Any] = msgspec.to_builtins(part)
        for key, value in values.items():
            if isinstance(value, int | float) and not 0 < value < math.inf:  # TOML can write inf and nan
                raise ConfigurationError(f"{path}: {section}.{key} is {value}; it must be above 0 and finite")
    if settings.catalog.dsn is not None and settings.catalog.snapshot is not None:
        raise ConfigurationError(f"{path}: catalog.dsn and catalog.snapshot are both set; keep one")
    for allowed in settings.catalog.allow:
        if not _OBJECT.fullmatch(allowed.object) or not allowed.reason.strip():
            raise ConfigurationError(
                f"{path}: catalog.allow holds {allowed.object!r}; it is 'function schema.name',"
                " 'function schema.name(types)' or 'relation schema.name', with a reason"
            )
    if not 1 <= settings.workers.count <= _MOST_WORKERS:
        raise ConfigurationError(f"{path}: workers.count is {settings.workers.count}; it is 1 to {_MOST_WORKERS}")
    if settings.reading.workers < 0:
        raise ConfigurationError(f"{path}: reading.workers is {settings.reading.workers}; it must be 0 or more")
    if not 0 < settings.reading.deadline_s < math.inf:  # TOML can write inf, and nan, which is not above 0 either
        raise ConfigurationError(
            f"{path}: reading.deadline_s is {settings.reading.deadline_s}; it must be above 0 and finite"
        )
    _check_listener(path, settings)
    _check_upstream(path, settings.upstream)
    _check_authentication(path, settings)


def _check_listener(path: Path, settings: Settings) -> None:
    tls = settings.listener.tls
    if tls.effective_mode != "off" or tls.certificate is not None:
        for key in ("certificate", "key"):
            if getattr(tls, key) is None:
                raise ConfigurationError(
                    f'{path}: listener.tls.{key} is missing; name a PEM file, or write mode = "off" and no certificate'
                )
    if tls.client_ca is None and (tls.client_crl is not None or tls.client_certificates == "require"):
        raise ConfigurationError(f"{path}: listener.tls.client_ca is missing; name the roots of client certificates")
    if tls.client_certificates == "require" and tls.effective_mode != "require":
        raise ConfigurationError(
            f"{path}: listener.tls.client_certificates is require, but a client without TLS shows none; "
            'write listener.tls.mode = "require"'
        )
    if settings.identity != IdentitySettings() and "identity_certificate" not in settings.plugins.load:
        raise ConfigurationError(f'{path}: identity is read by a plugin; write plugins.load = ["identity_certificate"]')


def _check_upstream(path: Path, upstream: UpstreamSettings) -> None:
    if (upstream.tls.certificate is None) != (upstream.tls.key is None):
        raise ConfigurationError(f"{path}: upstream.tls has one of certificate and key; name both, or neither")
    if upstream.is_socket and upstream.tls_mode != "disable":
        raise ConfigurationError(
            f"{path}: upstream.tls.mode is {upstream.tls_mode}; there is no TLS over a unix socket, leave it out"
        )
    if upstream.tls_mode == "disable" and upstream.tls != UpstreamTlsSettings(mode=upstream.tls.mode):
        raise ConfigurationError(
            f'{path}: upstream.tls names files but its mode is disable; write mode = "verify-full", or leave them out'
        )


def _check_authentication(path: Path, settings: Settings) -> None:
    authentication, login = settings.authentication, settings.upstream.login
    if authentication.mode == "pass_through":
        if login != UpstreamLoginSettings() or authentication != AuthenticationSettings():
            raise ConfigurationError(
                f"{path}: upstream.login and authentication.users, methods have no meaning where logins pass through; "
                'write authentication.mode = "guard", or leave them out'
            )
        return
    if login.user is None:
        raise ConfigurationError(f"{path}: upstream.login.user is missing; the guard needs an account at the server")
    if login.password_file is not None and login.password_env is not None:
        raise ConfigurationError(f"{path}: upstream.login has password_file and password_env; name one of them")
    if not authentication.methods:
        raise ConfigurationError(f'{path}: authentication.methods is empty; write ["scram-sha-256"]')
    if ("scram-sha-256" in authentication.methods) != (authentication.users is not None):
        raise ConfigurationError(
            f"{path}: authentication.users is the file for the method scram-sha-256; name both, or neither"
        )
    if "certificate" in authentication.methods and settings.listener.tls.client_ca is None:
        raise ConfigurationError(f"{path}: listener.tls.client_ca is missing; the method certificate needs it")


_Typed = TypeVar("_Typed", bound=msgspec.Struct)


def read_section(name: str, section: dict[str, Any], into: type[_Typed], folder: Path) -> _Typed:
    """A plugin's section of the file, typed; a value whose type is Path is relative to ``folder``.

    Raises:
        ConfigurationError: a key or value is wrong; the text names it.
    """

    def decode(kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str):
            return folder / value
        raise ValueError(f"expected a path, got {type(value).__name__}")

    try:
        return msgspec.convert(section, into, dec_hook=decode)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"[plugin.{name}]: {_explain(str(error), into)}") from error


def _fields_at(at: str, root: type[msgspec.Struct]) -> list[str]:
    node: Any = root
    for part in filter(None, at.split(".")):
        name, _, index = part.partition("[")
        node = next(field.type for field in msgspec.structs.fields(node) if field.name == name)
        node = get_args(node)[0] if index or type(None) in get_args(node) else node
    return [field.name for field in msgspec.structs.fields(node)]


def _explain(message: str, root: type[msgspec.Struct] = Settings) -> str:
    """Msgspec's message in the words of the file: key path first, then the fix."""
    if found := _UNKNOWN.search(message):
        at = (found["at"] or "").strip(".")
        names = _fields_at(at, root)
        near = difflib.get_close_matches(found["key"], names, n=1, cutoff=0.5)
        key = ".".join(filter(None, [at, found["key"]]))
        fix = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(names))}"
        return f"unknown key {key!r}; {fix}"
    if found := _MISSING.search(message):
        at = (found["at"] or "").strip(".")
        return f"key {'.'.join(filter(None, [at, found['key']]))!r} is missing"
    what, _, where = message.partition(" - at `$.")
    return f"{where.rstrip('`')}: {what}" if where else what
