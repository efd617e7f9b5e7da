"""Against a real HTTP server of this process, which fails as told."""

import hashlib
import hmac
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.https import Refused


class Endpoint:
    def __init__(self):
        self.requests = []
        self.statuses = []

    async def handle(self, request):
        body = await request.read()
        status = self.statuses.pop(0) if self.statuses else 204
        if status < 300:
            self.requests.append((dict(request.headers), body))
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    def heads(self):
        found = []
        for _, body in self.requests:
            batch = json.loads(body)
            found += [(batch["chain"], entry["seq"], entry["hash"]) for entry in batch["entries"]]
        return sorted(found)


@pytest.fixture
async def endpoint():
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", endpoint.handle)
    async with TestServer(app) as server:
        endpoint.url = str(server.make_url("/log"))
        yield endpoint


async def test_everything_arrives_signed_and_nothing_twice(log, feed, endpoint, tmp_path):
    (tmp_path / "secret").write_text("of both\n")
    log.write(20)
    log.write(5, chain="worker-1")
    await feed("webhook", url=endpoint.url, secret="secret").drain()

    assert endpoint.heads() == log.heads
    for headers, body in endpoint.requests:
        expected = hmac.new(b"of both", body, hashlib.sha256).hexdigest()
        assert headers["X-Readonly-Guard-Signature"] == f"sha256={expected}"
        assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
async def test_what_was_not_taken_comes_again_under_the_same_key(log, feed, endpoint, status):
    log.write(3)
    endpoint.statuses = [status]
    with pytest.raises(Refused, match=f"answered {status}"):
        await feed("webhook", url=endpoint.url).drain()
    await feed("webhook", url=endpoint.url).drain()

    assert endpoint.heads() == log.heads
    (headers, body) = endpoint.requests[0]
    last = json.loads(body)["entries"][-1]
    assert headers["Idempotency-Key"] == f"journal:1-7:{last['hash'][:16]}"
    assert "X-Readonly-Guard-Signature" not in headers


@pytest.mark.parametrize(
    "url", ["http://example.org/log", "ftp://x/", "nonsense", "https://", "http://127.0.0.1.example.org/"]
)
def test_records_are_not_sent_in_the_clear(feed, url):
    with pytest.raises(ConfigurationError, match=r"\[plugin.webhook\] url: .*write https://"):
        feed("webhook", url=url)


def test_files_that_are_not_there_are_named(feed):
    with pytest.raises(ConfigurationError, match=r"\[plugin.webhook\] secret: .*nowhere: No such file"):
        feed("webhook", url="https://localhost/", secret="nowhere")
    with pytest.raises(ConfigurationError, match=r"\[plugin.webhook\] ca: .*nowhere"):
        feed("webhook", url="https://localhost/", ca="nowhere")


async def test_an_endpoint_that_is_not_there_fails(log, feed):
    log.write(1)
    with pytest.raises(OSError, match="127.0.0.1"):
        await feed("webhook", url="http://127.0.0.1:9/").drain()
