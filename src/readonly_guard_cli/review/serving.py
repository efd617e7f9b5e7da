"""`readonly-guard review serve|account`: the web page, and who may sign in to it."""

from __future__ import annotations

import asyncio
import getpass
import signal
import socket
import ssl
import sys
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from readonly_guard.errors import ConfigurationError
from readonly_guard.review import Desk, SignInPlan
from readonly_guard.settings import ListenerTlsSettings, is_this_machine
from readonly_guard_cli.output import console
from readonly_guard_proxy.net.certificates import client_tls
from readonly_guard_proxy.net.tls import certificate_of
from readonly_guard_web import CERTIFICATE, Accounts, make_app

__all__ = ["account", "serve"]


def serve(directory: Path, host: str, port: int, certificate: Path | None, key: Path | None) -> None:
    """See the command."""
    if (certificate is None) != (key is None):
        raise ConfigurationError("--certificate and --key belong together")
    if certificate is None and not is_this_machine(host):
        raise ConfigurationError(
            f"{host}: passwords would cross the network in the clear; give --certificate and --key"
        )
    desk = Desk.open(directory)
    tls = _tls(desk.plan.sign_in, certificate, key)
    app = make_app(desk, is_secure=tls is not None)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigurationError(f"{host}:{port}: cannot listen: {error.strerror}") from error
    config = uvicorn.Config(
        app,
        http=_Connection,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
    )
    scheme = "http" if certificate is None else "https"
    console.print(f"listening: {scheme}://{host}:{listening.getsockname()[1]}/", soft_wrap=True)
    sys.stdout.flush()
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises it once more when it has stopped
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listening])


def account(directory: Path, user: str | None, remove: bool) -> None:
    """See the command."""
    accounts = Accounts(directory)
    if user is None:
        console.print("\n".join(accounts.names()) or "nobody has an account")
        return
    if remove:
        accounts.remove(user)
        console.print(f"{user}: removed")
        return
    desk = Desk.open(directory)
    if not desk.standing.may_sign_in(user):
        raise ConfigurationError(f"{user!r} reviews no unit and is no officer; name them in review.toml first")
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if getpass.getpass("again: ") != password:
            raise ConfigurationError("the two are not the same")
    else:
        password = sys.stdin.readline().rstrip("\n")
    accounts.put(user, password)
    console.print(f"{user}: may sign in")


class _Connection(H11Protocol):
    """A connection that tells the page its client's certificate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Look at the certificate once, after the handshake that has verified it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, CERTIFICATE: certificate_of(transport)}


def _tls(sign_in: SignInPlan, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None or key is None:
        if sign_in.client_ca is not None:
            raise ConfigurationError(
                "sign_in.client_ca: a client shows its certificate over TLS only, which has to end in this program;"
                " give --certificate and --key"
            )
        return None
    settings = ListenerTlsSettings(
        certificate=str(certificate), key=str(key), client_ca=sign_in.client_ca, client_crl=sign_in.client_crl
    )
    try:
        tls = client_tls(settings)
    except ConfigurationError as error:  # named as they are given here
        text = str(error).replace("listener.tls.client_", "sign_in.client_").replace("listener.tls.", "--")
        raise ConfigurationError(text) from error
    if tls is None:
        return None
    tls.context.set_alpn_protocols(["http/1.1"])
    return tls.context
