"""The OPA server as a decision point: a real one where there is one, and servers that misbehave on real sockets."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from loopback import free_port

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import ConfigurationError, PolicyUnavailable
from readonly_guard.policy import OpaServer

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(body: bytes, *, status: str = "200 OK", kind: str = "application/json") -> Reply:
    async def send(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return send


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def half(writer: asyncio.StreamWriter) -> None:
    writer.write(
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"result": {"allow": true'
    )
    await writer.drain()
    writer.close()


async def noise(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff" * 100)
    await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def serving(behave: Reply) -> AsyncIterator[tuple[str, list[bytes]]]:
    requests: list[bytes] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            await behave(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        server.close()


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (silence, "did not answer within 0.2 s"),
        (trickle, "did not answer within 0.2 s"),
        (hang_up, "gave no answer"),
        (half, "gave no answer"),
        (noise, "gave no answer"),
        (reply(b'{"code": "internal_error"}', status="500 Internal Server Error"), "status 500"),
        (reply(b'{"result": {"allow": true, "deny": []}}', status="500 Internal Server Error"), "status 500"),
        (reply(b"{}", status="404 Not Found"), "status 404"),
        (reply(b"{}", status="401 Unauthorized"), "status 401"),
        (reply(b"not json"), "gave no answer"),
        (reply(b'{"result": {"allow": true, "deny": []}}', kind="text/html"), "gave no answer"),
        (reply(b"[1]"), "is not an object"),
        (reply(b"true"), "is not an object"),
        (reply(b"{}"), "undefined"),
        (reply(b'{"result": null}'), "undefined"),
        (reply(b'{"result": true}'), "wrong shape"),
        (reply(b'{"result": {"allow": NaN, "deny": []}}'), "wrong shape"),
        (reply(b'{"result": {"allow": true, "deny": [{}]}}'), "wrong shape"),
    ],
)
async def test_whatever_a_server_does_wrong_is_no_answer(
    behave: Reply, says: str, request_of: Callable[..., AccessRequest]
) -> None:
    async with serving(behave) as (url, _), OpaServer(url, deadline_s=0.2) as server:
        began = time.monotonic()
        with pytest.raises(PolicyUnavailable, match=says):
            await server.decide(request_of())
        assert time.monotonic() - began < 5


async def test_nothing_is_asked_twice(request_of: Callable[..., AccessRequest]) -> None:
    async with serving(reply(b"", status="502 Bad Gateway")) as (url, requests), OpaServer(url, deadline_s=2) as server:
        with pytest.raises(PolicyUnavailable):
            await server.decide(request_of())
        assert len(requests) == 1


async def test_nobody_listens(request_of: Callable[..., AccessRequest]) -> None:
    async with serving(silence) as (url, _):
        pass
    async with OpaServer(url, deadline_s=2) as server:
        with pytest.raises(PolicyUnavailable, match="ClientConnectorError"):
            await server.decide(request_of())


async def test_a_cancelled_question_stays_cancelled(request_of: Callable[..., AccessRequest]) -> None:
    async with serving(silence) as (url, _), OpaServer(url, deadline_s=30) as server:
        task = asyncio.ensure_future(server.decide(request_of()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_answer_with_its_revision(request_of: Callable[..., AccessRequest]) -> None:
    body = b'{"result": {"allow": true, "deny": []}, "provenance": {"bundles": {"rules": {"revision": "7"}}}}'
    async with serving(reply(body)) as (url, requests), OpaServer(url, token="t0ken") as server:
        assert server.revision == "opa"
        answer = await server.decide(request_of())
        assert answer.allow
        assert answer.revision == server.revision == "opa rules@7"
        assert requests[0].startswith(b"POST /v1/data/readonly_guard/authz/decision?provenance=true ")
        assert b"Authorization: Bearer t0ken" in requests[0]


@pytest.mark.parametrize(
    "provenance", [b"1", b"{}", b'{"bundles": []}', b'{"bundles": {"a": 1}}', b'{"bundles": {"a": {}}}']
)
async def test_a_provenance_that_is_none_names_no_bundle(
    provenance: bytes, request_of: Callable[..., AccessRequest]
) -> None:
    body = b'{"result": {"allow": true, "deny": []}, "provenance": ' + provenance + b"}"
    async with serving(reply(body)) as (url, _), OpaServer(url) as server:
        assert (await server.decide(request_of())).revision == "opa"


@pytest.mark.parametrize(
    "url",
    [
        "", "opa", "127.0.0.1:8181", "ftp://127.0.0.1", "http://opa.example:8181", "http://10.0.0.1:8181",
        "https://user:secret@opa.example", "https://opa.example/v1/data", "https://opa.example?x=1", "https://opa.example:99999",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_trusted_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OpaServer(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("deadline_s", [0, -1, float("nan")])
def test_a_deadline_is_needed(deadline_s: float) -> None:
    with pytest.raises(ConfigurationError, match="must be above 0 seconds"):
        OpaServer("http://127.0.0.1", deadline_s=deadline_s)


@pytest.mark.opa
async def test_a_real_server_with_the_shipped_bundle(
    start_opa: Callable[..., Any], policies_dir: Path, request_of: Callable[..., AccessRequest]
) -> None:
    opa = start_opa("--bundle", str(policies_dir))
    async with OpaServer(opa.url, deadline_s=5) as server:
        answers = await asyncio.gather(*(server.decide(request_of()) for _ in range(20)))
    assert {tuple(reason.code for reason in answer.deny) for answer in answers} == {("RG-R01",)}
    assert all("@0.1.0" in answer.revision for answer in answers)


@pytest.mark.opa
async def test_a_real_server_without_policies_has_no_answer(
    start_opa: Callable[..., Any], request_of: Callable[..., AccessRequest]
) -> None:
    async with OpaServer(start_opa().url, deadline_s=5) as server:
        with pytest.raises(PolicyUnavailable, match="undefined"):
            await server.decide(request_of())


@pytest.mark.opa
async def test_a_real_server_answers_a_malformed_question_with_a_denial(
    start_opa: Callable[..., Any], policies_dir: Path, request_of: Callable[..., AccessRequest]
) -> None:
    opa = start_opa(str(policies_dir))
    async with OpaServer(opa.url, deadline_s=5) as server:
        answer = await server.decide(request_of(context={"time": "2025-02-30T00:00:00Z"}))
    assert [reason.code for reason in answer.deny] == ["RG-SYS-001"]


@contextlib.asynccontextmanager
async def asking(
    opa_binary: str, policies_dir: Path, url: str, *arguments: str, **options: Any
) -> AsyncIterator[OpaServer]:
    """A real server at an address of any kind, once it answers."""
    address = url if url.startswith("unix:") else url.partition("//")[2]
    command = [opa_binary, "run", "--server", "--addr", address, "--log-level", "error", *arguments, "-b", policies_dir]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        async with OpaServer(url, deadline_s=5, **options) as server:
            yield server
    finally:
        process.terminate()
        await process.wait()


async def answer_of(server: OpaServer, request: AccessRequest) -> Answer:
    """Its answer; it may be starting still."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await server.decide(request)
            except PolicyUnavailable as error:
                assert "Connector" in str(error), error
                await asyncio.sleep(0.05)


async def test_a_real_server_behind_a_unix_socket(
    opa_binary: str, policies_dir: Path, tmp_path: Path, request_of: Callable[..., AccessRequest]
) -> None:
    async with asking(opa_binary, policies_dir, f"unix://{tmp_path}/opa.sock") as server:
        answer = await answer_of(server, request_of())
    assert [reason.code for reason in answer.deny] == ["RG-R01"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority of one's own and what it has issued: for OPA and for the guard."""
    folder = tmp_path_factory.mktemp("authority")
    own = trustme.CA()
    own.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("127.0.0.1", "guard.example"):
        issued = own.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    return folder


async def test_a_real_server_that_wants_a_certificate(
    opa_binary: str, policies_dir: Path, authority: Path, request_of: Callable[..., AccessRequest]
) -> None:
    url = f"https://127.0.0.1:{free_port()}"
    arguments = [
        f"--tls-cert-file={authority}/127.0.0.1.pem",
        f"--tls-private-key-file={authority}/127.0.0.1.key",
        f"--tls-ca-cert-file={authority}/ca.pem",
        "--authentication=tls",
    ]
    ca, own = str(authority / "ca.pem"), (f"{authority}/guard.example.pem", f"{authority}/guard.example.key")
    async with asking(opa_binary, policies_dir, url, *arguments, ca=ca, certificate=own) as server:
        answer = await answer_of(server, request_of())
        assert [reason.code for reason in answer.deny] == ["RG-R01"]
        for options in ({"certificate": own}, {"ca": ca}):  # nobody vouches for it; the guard shows nothing
            async with OpaServer(url, deadline_s=5, **options) as other:
                with pytest.raises(PolicyUnavailable, match="gave no answer"):
                    await other.decide(request_of())


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("unix://opa.sock", {}, "must be its whole path"),
        ("unix:///", {}, "must be its whole path"),
        ("unix:///run/opa.sock", {"ca": "ca.pem"}, "asked over unix; certificates are for https"),
        ("http://127.0.0.1:8181", {"certificate": "a.pem"}, "asked over http; certificates are for https"),
        ("https://127.0.0.1", {"ca": "/nowhere"}, "/nowhere: holds no certificates to trust"),
        ("https://127.0.0.1", {"certificate": "/nowhere"}, "/nowhere: no certificate with its key"),
        ("https://127.0.0.1", {"certificate": ("/a", "/b")}, "/a, /b: no certificate with its key"),
    ],
)
def test_a_transport_that_cannot_be_is_refused(url: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        OpaServer(url, **options)
