"""What plugins that speak HTTP share: where records may be sent to, and with which certificates."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import is_this_machine

__all__ = ["Refused", "checked_url", "tls_context"]


class Refused(Exception):  # noqa: N818  what the other side said, not a defect of the call
    """The other side did not take the records; the text says with which answer."""


def checked_url(url: str, plugin: str) -> str:
    """The URL, when records may be sent there: encrypted, or to this machine itself.

    Raises:
        ConfigurationError: they may not.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname and is_this_machine(parts.hostname):
        return url
    raise ConfigurationError(f"[plugin.{plugin}] url: {url!r}; write https://…, or http:// to this machine only")


def tls_context(
    ca: Path | None, plugin: str, *, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """What certificates are checked with, and this client's own for servers that ask for one.

    Args:
        ca: whom to trust; None for the system's authorities.
        plugin: its name, for errors.
        certificate: this client's, PEM.
        key: its private key, where it is not in the same file.

    Raises:
        ConfigurationError: a file holds none.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"[plugin.{plugin}] ca: {ca}: {error.strerror or error}") from error
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"[plugin.{plugin}] certificate: {certificate}: {error}") from error
    return context
