"""Against a receiver of this process that decodes OTLP with OpenTelemetry's own messages."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.https import Refused


class Collector:
    def __init__(self):
        self.requests = []
        self.headers = []
        self.answers = []

    async def logs(self, request):
        body = await request.read()  # aiohttp takes the gzip off
        if self.answers:
            return self.answers.pop(0)
        message = ExportLogsServiceRequest()
        message.ParseFromString(body)
        self.requests.append(message)
        self.headers.append(dict(request.headers))
        return web.Response(body=ExportLogsServiceResponse().SerializeToString(), content_type="application/x-protobuf")

    def records(self):
        for request in self.requests:
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    for record in scope.log_records:
                        yield record, {pair.key: pair.value for pair in record.attributes}

    def heads(self):
        found = [attributes["log.record.uid"].string_value.rsplit(":", 2) for _, attributes in self.records()]
        return sorted((chain, int(seq), digest) for chain, seq, digest in found)


@pytest.fixture
async def collector():
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/logs", collector.logs)
    async with TestServer(app) as server:
        collector.url = str(server.make_url("/v1/logs"))
        yield collector


async def test_everything_arrives_in_the_words_of_the_conventions(log, feed, collector, tmp_path):
    (tmp_path / "token").write_text("Bearer x\n")
    log.write(10)
    log.write(1, chain="worker-1", verdict="deny", codes=("RG-W05",))
    await feed("audit_otel", url=collector.url, authorization="token").drain()

    assert collector.heads() == log.heads
    assert {headers["Authorization"] for headers in collector.headers} == {"Bearer x"}
    assert {headers["Content-Encoding"] for headers in collector.headers} == {"gzip"}
    record, attributes = next(iter(collector.records()))
    assert record.event_name == "readonly_guard.decision"
    assert attributes["db.system.name"].string_value == "postgresql"
    assert attributes["db.query.text"].string_value == "SELECT name FROM person WHERE person_id = ?"
    assert attributes["user.name"].string_value == "åsa.öberg"
    assert [item.string_value for item in attributes["readonly_guard.patients"].array_value.values] == ["person_id:1"]
    assert "readonly_guard.codes" not in attributes, "what is empty is left out"
    denied = [
        record.severity_text for record, attributes in collector.records() if "readonly_guard.codes" in attributes
    ]
    assert denied == ["WARN"]
    (resource, *_) = collector.requests[0].resource_logs
    assert {pair.key: pair.value.string_value for pair in resource.resource.attributes} == {
        "service.name": "readonly-guard",
        "service.instance.id": "journal",
    }


async def test_time_is_exact_to_the_microsecond(log, feed, collector):
    log.write(1)
    await feed("audit_otel", url=collector.url).drain()
    record, _ = next(iter(collector.records()))
    assert record.time_unix_nano == 1769933700_000001_000


@pytest.mark.parametrize("status", [302, 400, 429, 503])
async def test_what_was_refused_comes_again(log, feed, collector, status):
    log.write(3)
    collector.answers = [web.Response(status=status, headers={"Location": "/"})]
    with pytest.raises(Refused, match=f"answered {status}"):
        await feed("audit_otel", url=collector.url).drain()
    await feed("audit_otel", url=collector.url).drain()

    assert collector.heads() == log.heads


async def test_a_partial_success_is_none(log, feed, collector):
    log.write(3)
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 2
    response.partial_success.error_message = "too old"
    collector.answers = [web.Response(body=response.SerializeToString())]
    with pytest.raises(Refused, match="rejected 2 records: too old"):
        await feed("audit_otel", url=collector.url).drain()


async def test_an_answer_that_is_not_otlp_is_refused(log, feed, collector):
    log.write(1)
    collector.answers = [web.Response(body=b"<html>login</html>")]
    with pytest.raises(Refused, match="not OTLP"):
        await feed("audit_otel", url=collector.url).drain()


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({"url": "http://collector:4318/v1/logs"}, "write https://"),
        ({"url": "https://c/v1/logs", "authorization": "nowhere"}, r"\[plugin.audit_otel\] authorization: .*nowhere"),
    ],
)
def test_settings_that_are_wrong_are_named(feed, section, what):
    with pytest.raises(ConfigurationError, match=what):
        feed("audit_otel", **section)
