"""The policies, asked of an OPA server over HTTP with opa-python-client.

One total deadline covers connecting, asking and reading; nothing is retried; everything unexpected is
`PolicyUnavailable`, which is a denial. An undefined decision (OPA answers 200 without ``result``) is one of those.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import ConditionNotMet, ConfigurationError, PolicyUnavailable
from readonly_guard.policy.answer import decode_answer
from readonly_guard.policy.breaker import Breaker
from readonly_guard.policy.port import ENTRYPOINT
from readonly_guard.settings import is_this_machine

if TYPE_CHECKING:
    from readonly_guard.policy.opa_client import Client

__all__ = ["OpaServer"]

_NO_BUNDLE: Final = "opa"


class OpaServer:
    """A policy decision point in another process. Use it in one event loop; close it with :meth:`aclose`.

    Args:
        url: ``https://host:port``; ``unix:///path/of/socket``; or ``http://`` to this machine only: over a network
            without TLS anyone between could answer.
        deadline_s: seconds for one decision, all in all.
        decision_path: which rule is asked, as in OPA's Data API.
        breaker: whether to ask at all; None asks always.
        token: sent as a bearer token.
        ca: file with the authorities to trust; None for the system's.
        certificate: file of a client certificate with its key, or the two files.

    Raises:
        ConfigurationError: the URL, the deadline or a certificate cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline_s: float = 0.5,
        decision_path: str = ENTRYPOINT.removeprefix("data.").replace(".", "/"),
        breaker: Breaker | None = None,
        token: str | None = None,
        ca: str | None = None,
        certificate: str | tuple[str, str] | None = None,
    ) -> None:
        if not deadline_s > 0:
            raise ConfigurationError(f"the deadline of the OPA server is {deadline_s}; it must be above 0 seconds")
        # importing the client takes a quarter of a second: only those who use it pay, and not within a deadline
        from readonly_guard.policy.opa_client import Client  # noqa: PLC0415

        scheme, host, port = _address(url)
        if scheme != "https" and (ca is not None or certificate is not None):
            raise ConfigurationError(f"the OPA server is asked over {scheme}; certificates are for https://")
        self._deadline_s = deadline_s
        self._package, self._rule = _rule_at(decision_path)
        self._breaker = breaker
        self._revision = _NO_BUNDLE
        self._client: Client | None = None
        self._new_client = partial(
            Client,
            host="localhost" if scheme == "unix" else host,
            port=port,
            socket=host if scheme == "unix" else None,
            tls=_tls(ca, certificate) if scheme == "https" else None,
            token=token,
            timeout_s=deadline_s,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. A later decision opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close_connection()

    async def retire(self) -> None:
        """Close the connections once every question that is under way has its answer, or none."""
        await asyncio.sleep(self._deadline_s)
        await self.aclose()

    @property
    def revision(self) -> str:
        """The revision of the bundles that the latest answer came from; ``opa`` before that and without bundles."""
        return self._revision

    async def decide(self, request: AccessRequest) -> Answer:
        """Answer one request.

        Raises:
            PolicyUnavailable: no usable answer within the deadline, or none is asked for since too many failed.
        """
        if self._breaker is None:
            return await self._ask(request)
        clock = asyncio.get_running_loop().time
        if not self._breaker.admits(clock()):
            raise PolicyUnavailable("the OPA server failed too often; it is asked again soon")
        try:
            answer = await self._ask(request)
        except ConditionNotMet:  # the server is well
            self._breaker.succeeded()
            raise
        except PolicyUnavailable:
            self._breaker.failed(clock())
            raise
        self._breaker.succeeded()
        return answer

    async def _ask(self, request: AccessRequest) -> Answer:
        try:
            async with asyncio.timeout(self._deadline_s):
                client = await self._connected()
                # provenance names the bundle revision, so that the log can say which policies decided
                reply = await client.query_rule(
                    msgspec.to_builtins(request), self._package, self._rule, query_params={"provenance": "true"}
                )
        except TimeoutError:
            raise PolicyUnavailable(f"the OPA server did not answer within {self._deadline_s} s") from None
        except Exception as error:  # noqa: BLE001  whatever a client or server can do wrong, it is no answer
            status = getattr(error, "status", None)
            what = type(error).__name__ if status is None else f"status {status}"
            raise PolicyUnavailable(f"the OPA server gave no answer: {what}") from None
        if not isinstance(reply, dict):
            raise PolicyUnavailable("the OPA server's reply is not an object")
        self._revision = _revision_in(reply)
        return decode_answer(reply.get("result"), revision=self._revision)

    async def _connected(self) -> Client:
        if self._client is None:
            client = self._new_client()
            await client.__aenter__()
            self._client = client
        return self._client


def _address(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; of a unix socket its path for the host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("the OPA server's URL cannot be read; write https://host:port") from None
    if parts.scheme == "unix":
        if parts.netloc or not parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigurationError("the OPA server's socket must be its whole path: unix:///run/opa/opa.sock")
        return parts.scheme, parts.path, 80
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise ConfigurationError("the OPA server's URL must be https://host:port, without a user name")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ConfigurationError("the OPA server's URL has a path; write https://host:port only")
    if parts.scheme == "http" and not is_this_machine(host):
        raise ConfigurationError(f"the OPA server at {host} must be asked over https; http is for this machine only")
    return parts.scheme, f"[{host}]" if ":" in host else host, port or (443 if parts.scheme == "https" else 8181)


def _tls(ca: str | None, certificate: str | tuple[str, str] | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"{ca}: holds no certificates to trust: {error}") from None
    if certificate is not None:
        files = (certificate,) if isinstance(certificate, str) else certificate
        try:
            context.load_cert_chain(*files)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"{', '.join(files)}: no certificate with its key: {error}") from None
    return context


def _rule_at(path: str) -> tuple[str, str]:
    package, _, rule = path.strip("/").rpartition("/")
    if not package or not all(part.isidentifier() for part in (*package.split("/"), rule)):
        what = f"the decision path is {path!r}; write package and rule, such as readonly_guard/authz/decision"
        raise ConfigurationError(what)
    return package.replace("/", "."), rule


def _revision_in(reply: dict[str, Any]) -> str:
    try:
        bundles = reply["provenance"]["bundles"]
        named = sorted(f"{name}@{bundle['revision']}" for name, bundle in bundles.items())
    except (KeyError, TypeError, AttributeError):
        return _NO_BUNDLE
    return " ".join((_NO_BUNDLE, *named))
