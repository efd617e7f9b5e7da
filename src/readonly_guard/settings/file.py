"""The whole of guard.toml, and its sections on policies, log and plugins."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from readonly_guard.settings.database import CatalogSettings, ReadingSettings
from readonly_guard.settings.network import (
    AdminSettings,
    AuthenticationSettings,
    IdentitySettings,
    LimitSettings,
    ListenerSettings,
    LoggingSettings,
    UpstreamSettings,
    WorkerSettings,
)
from readonly_guard.settings.section import Section

__all__ = [
    "JournalSettings",
    "Mode",
    "OpaSettings",
    "PluginSettings",
    "PolicySettings",
    "Settings",
    "SigningSettings",
]


class SigningSettings(Section, frozen=True, kw_only=True):
    """Who must have signed the policies, as `opa build --signing-key` and `opa sign` do; anything else is not taken."""

    key_file: str
    """The public key in PEM, or for HS… the secret that both share."""
    algorithm: Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
                       "HS256", "HS384", "HS512"] = "RS256"  # fmt: skip
    scope: str = ""


class OpaSettings(Section, frozen=True, kw_only=True):
    """An OPA server that decides. It has its own policies and data: ``source`` and ``data`` are not read then.

    ``timeout_s`` is for a whole decision, nothing is asked twice. After ``failures`` in a row every decision is denied
    at once for ``rest_s`` seconds, then one is tried.
    """

    url: str
    """``https://host:port``, ``unix:///path/of/socket``, or ``http://`` to this machine."""
    token_file: str | None = None
    ca: str | None = None
    """The authorities to trust, PEM; without it those of the system."""
    certificate: str | None = None
    """The guard's own, in PEM, for a server that asks for one; ``key`` where it is not in the same file."""
    key: str | None = None
    decision_path: str = "readonly_guard/authz/decision"
    timeout_s: float = 0.5
    failures: int = 5
    rest_s: float = 5.0


Mode = Literal["enforce", "warn", "dry_run"]
"""What becomes of a policy's denial: it denies, it is a warning to the client, or it is only recorded."""


class PolicySettings(Section, frozen=True, kw_only=True):
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
    rules: dict[str, Mode] = msgspec.field(default_factory=dict)
    """Of single rules, by rule (``npo_first``) or code (``RG-X02``); goes before the others."""
    listeners: dict[str, Mode] = msgspec.field(default_factory=dict)
    """Of listeners, by their name."""
    opa: OpaSettings | None = None


class JournalSettings(Section, frozen=True, kw_only=True):
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


class PluginSettings(Section, frozen=True, kw_only=True):
    """Plugins by name (entry point group ``readonly_guard``); installing a package never changes enforcement."""

    load: tuple[str, ...] = ()
    timeout_s: float = 2.0


class Settings(Section, frozen=True, kw_only=True):
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
    plugin: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """A section for each plugin that has settings, ``[plugin.NAME]``; the plugin says what is in it."""
    folder: str = ""
    """Where relative paths of plugins start: the file's folder. Set by the loader, no key of the file."""
