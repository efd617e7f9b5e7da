"""`readonly-guard review serve|account`: the web page, and who may sign in to it."""

from __future__ import annotations

import getpass
import ipaddress
import socket
import ssl
import sys
from pathlib import Path

import uvicorn

from readonly_guard.errors import ConfigurationError
from readonly_guard.review import Desk
from readonly_guard_cli.output import console
from readonly_guard_web import Accounts, make_app

__all__ = ["account", "serve"]


def serve(directory: Path, host: str, port: int, certificate: Path | None, key: Path | None) -> None:
    """See the command."""
    if (certificate is None) != (key is None):
        raise ConfigurationError("--certificate and --key belong together")
    if certificate is not None and key is not None:
        _check_pair(certificate, key)
    if certificate is None and not _is_this_machine(host):
        raise ConfigurationError(
            f"{host}: passwords would cross the network in the clear; give --certificate and --key"
        )
    desk = Desk.open(directory)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigurationError(f"{host}:{port}: cannot listen: {error.strerror}") from error
    config = uvicorn.Config(
        make_app(desk, is_secure=certificate is not None),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
    )
    scheme = "http" if certificate is None else "https"
    console.print(f"listening: {scheme}://{host}:{listening.getsockname()[1]}/", soft_wrap=True)
    sys.stdout.flush()
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
    if not desk.plan.units_of(user) and not desk.standing.is_officer(user):
        raise ConfigurationError(f"{user!r} reviews no unit and is no officer; name them in review.toml first")
    if sys.stdin.isatty():
        password = getpass.getpass("password: ")
        if getpass.getpass("again: ") != password:
            raise ConfigurationError("the two are not the same")
    else:
        password = sys.stdin.readline().rstrip("\n")
    accounts.put(user, password)
    console.print(f"{user}: may sign in")


def _check_pair(certificate: Path, key: Path) -> None:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except FileNotFoundError:
        missing = certificate if not certificate.exists() else key
        raise ConfigurationError(f"{missing}: is not there") from None
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(f"{certificate} and {key}: are no certificate and its key in PEM: {error}") from None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
