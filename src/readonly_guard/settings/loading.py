"""Reads guard.toml, and says what is wrong with it: the key, and what to write instead."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar, get_args
from zoneinfo import ZoneInfo

import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings.file import PolicySettings, Settings
from readonly_guard.settings.network import (
    AuthenticationSettings,
    IdentitySettings,
    UpstreamLoginSettings,
    UpstreamSettings,
    UpstreamTlsSettings,
)
from readonly_guard.settings.section import Section

__all__ = ["load_settings", "read_section"]

_LAST_PORT: Final = 65_535


_MOST_WORKERS: Final = 255


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


_OPA_FILES: Final = ("token_file", "ca", "certificate", "key")


_AnySection = TypeVar("_AnySection", bound=Section)


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
    for name in ("deadline_s", "patience_s"):
        seconds = getattr(settings.reading, name)
        if not 0 < seconds < math.inf:  # TOML can write inf, and nan, which is not above 0 either
            raise ConfigurationError(f"{path}: reading.{name} is {seconds}; it must be above 0 and finite")
    try:
        ZoneInfo(settings.reading.created_zone)
    except (ValueError, OSError, KeyError):  # a name that no time zone can have, or has
        raise ConfigurationError(
            f"{path}: reading.created_zone is {settings.reading.created_zone!r}; write a name such as Europe/Stockholm"
        ) from None
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
