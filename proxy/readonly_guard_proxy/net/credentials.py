"""Credentials: what the guard shows of itself and checks others by, from files. All of it is in force, or nothing.

Read at the start and again at SIGHUP. A connection keeps what was in force when it began.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import Settings, UpstreamLoginSettings
from readonly_guard_proxy.net.certificates import client_tls, server_context
from readonly_guard_proxy.net.private_files import private_text
from readonly_guard_proxy.net.verifiers import Verifiers, read_verifiers
from readonly_guard_proxy.session.service_login import ServiceAccount

__all__ = ["Credentials", "GuardLogin"]


class GuardLogin(msgspec.Struct, frozen=True, kw_only=True):
    """How clients log in at the guard.

    Args:
        account: the guard's own at the server.
        users: the verifiers of their passwords; None where no password is enough.
        is_certificate_enough: so that one who shows it needs no password.
    """

    account: ServiceAccount
    users: Verifiers | None
    is_certificate_enough: bool


class Credentials:
    """What is in force.

    ``tls`` is towards clients and ``upstream`` the context towards the server, None without TLS; ``login`` is None
    where logins pass through to the server.

    Args:
        settings: name the files.

    Raises:
        ConfigurationError: a file cannot be read or is not what it should be; the text names key, file and fault.
    """

    def __init__(self, settings: Settings) -> None:
        self.renew(settings)

    def renew(self, settings: Settings) -> None:
        """Read the files again. Either everything is new afterwards, or nothing is.

        Raises:
            ConfigurationError: as above; what was in force stays in force.
        """
        fresh = client_tls(settings.listener.tls), server_context(settings.upstream), _login(settings)
        self.tls, self.upstream, self.login = fresh


def _login(settings: Settings) -> GuardLogin | None:
    authentication, login = settings.authentication, settings.upstream.login
    if authentication.mode == "pass_through" or login.user is None:
        return None
    users = authentication.users
    return GuardLogin(
        account=ServiceAccount(login.user, _password(login)),
        users=None if users is None else Verifiers(read_verifiers(Path(users))),
        is_certificate_enough="certificate" in authentication.methods,
    )


def _password(login: UpstreamLoginSettings) -> str | None:
    password = None
    if login.password_file is not None:
        password = private_text("upstream.login.password_file", login.password_file).rstrip("\r\n")
    elif login.password_env is not None:
        password = os.environ.get(login.password_env)
        if password is None:
            raise ConfigurationError(f"upstream.login.password_env: there is no variable {login.password_env}")
    if password == "":
        raise ConfigurationError("upstream.login: the password is empty")
    return password
