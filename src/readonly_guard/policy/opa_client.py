"""opa-python-client's asynchronous client, over a transport of ours: a unix socket, or TLS with one's own authorities.

Importing this takes a quarter of a second, which only those should pay who ask an OPA server.
"""

from __future__ import annotations

import ssl

import aiohttp
from opa_client.opa_async import AsyncOpaClient

__all__ = ["Client"]


class Client(AsyncOpaClient):  # type: ignore[misc]  # the library is not typed
    """A client whose connections are made as told.

    Args:
        socket: path of a unix socket; then host and port are not used.
        tls: how the server is checked and what is shown to it; None for a connection in the clear.
        timeout_s: for one request.
        token: sent as a bearer token.
        host: of the server.
        port: of the server.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        socket: str | None,
        tls: ssl.SSLContext | None,
        token: str | None,
        timeout_s: float,
    ) -> None:
        # a late answer is no answer; asking again only makes it later
        super().__init__(host=host, port=port, ssl=tls is not None, token=token, retries=0, timeout=timeout_s)
        self._socket = socket
        self._tls = tls

    async def _init_session(self) -> None:
        """Open a session over that transport: the library's own knows neither sockets nor authorities."""
        if self._socket is not None:
            self._connector: aiohttp.BaseConnector = aiohttp.UnixConnector(path=self._socket)
        else:
            self._connector = aiohttp.TCPConnector(ssl=True if self._tls is None else self._tls)
        self._session = aiohttp.ClientSession(
            headers=self.headers, connector=self._connector, timeout=aiohttp.ClientTimeout(total=self.timeout)
        )
