"""The log as OpenTelemetry log records, over OTLP/HTTP in protobuf (opentelemetry.io, OTLP 1.x).

Attributes follow the semantic conventions where there are any: ``db.*`` for the statement, ``client.address``,
``user.name``, ``session.id``, and ``log.record.uid``, by which a back end can leave out what comes twice. OTLP has no
other means against that. The body is the record as JSON.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from readonly_guard.domain import CompletionRecord, DecisionRecord, Entry, SessionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard_plugins.https import Refused, checked_url, tls_context

__all__ = ["AuditOtel"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OK: Final = 200


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    """Of the logs endpoint, ``https://collector:4318/v1/logs``; ``http`` to this machine itself."""
    authorization: Path | None = None
    """A file with the value of the Authorization header."""
    service_name: str = "readonly-guard"
    ca: Path | None = None
    timeout_s: float = 10.0


class AuditOtel:
    """Exports records."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings
        self._url = checked_url(settings.url, "audit_otel")
        self._tls = tls_context(settings.ca, "audit_otel")
        self._headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        if settings.authorization is not None:
            try:
                self._headers["Authorization"] = settings.authorization.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigurationError(
                    f"[plugin.audit_otel] authorization: {settings.authorization}: {error.strerror}"
                ) from error
        self._session: aiohttp.ClientSession | None = None

    @hookimpl
    def record_sink(self) -> AuditOtel:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Export the records; taken when the collector says so of all of them.

        Raises:
            Refused: it did not.
            aiohttp.ClientError: there was no answer.
        """
        body = gzip.compress(self._request(entries).SerializeToString(), 6)
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s))
        async with self._session.post(
            self._url, data=body, headers=self._headers, ssl=self._tls, allow_redirects=False
        ) as answer:
            if answer.status != _OK:
                raise Refused(f"{self._url} answered {answer.status}")
            _check(await answer.read(), self._url)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _request(self, entries: Sequence[Entry]) -> ExportLogsServiceRequest:
        request = ExportLogsServiceRequest()
        resource = request.resource_logs.add()
        resource.resource.attributes.extend(
            [_pair("service.name", self._settings.service_name), _pair("service.instance.id", entries[0].chain)]
        )
        scope = resource.scope_logs.add()
        scope.scope.name = "readonly_guard.audit"
        scope.log_records.extend(_log_record(entry) for entry in entries)
        return request


def _check(answer: bytes, url: str) -> None:
    response = ExportLogsServiceResponse()
    try:
        response.ParseFromString(answer)
    except DecodeError:
        raise Refused(f"{url} answered something that is not OTLP") from None
    rejected = response.partial_success.rejected_log_records
    if rejected:
        raise Refused(f"{url} rejected {rejected} records: {response.partial_success.error_message}")


def _log_record(entry: Entry) -> LogRecord:
    record = entry.record
    is_denial = isinstance(record, DecisionRecord | SessionRecord) and bool(record.codes)
    severity = SeverityNumber.SEVERITY_NUMBER_WARN if is_denial else SeverityNumber.SEVERITY_NUMBER_INFO
    nanoseconds = _nanoseconds(record.time)
    return LogRecord(
        time_unix_nano=nanoseconds,
        observed_time_unix_nano=nanoseconds,
        severity_number=severity,
        severity_text="WARN" if is_denial else "INFO",
        event_name=f"readonly_guard.{type(record).__struct_config__.tag}",
        body=AnyValue(string_value=msgspec.json.encode(record).decode()),
        attributes=[_pair(name, value) for name, value in _attributes(entry) if value not in {None, "", ()}],
    )


def _attributes(entry: Entry) -> Iterator[tuple[str, Any]]:
    record = entry.record
    yield "log.record.uid", f"{entry.chain}:{entry.seq}:{entry.hash}"
    yield "readonly_guard.chain", entry.chain
    yield "readonly_guard.seq", entry.seq
    match record:
        case DecisionRecord():
            yield "db.system.name", "postgresql"
            yield "db.namespace", record.database
            yield "db.query.text", record.statement
            yield "db.operation.name", " ".join(record.kinds)
            yield "user.name", record.subject
            yield "user.id", record.hsa_id
            yield "client.address", record.client_address
            yield "session.id", record.session_id
            yield "readonly_guard.decision_id", record.decision_id
            yield "readonly_guard.verdict", record.verdict
            yield "readonly_guard.codes", record.codes
            yield "readonly_guard.purpose", record.purpose
            yield "readonly_guard.activity", record.activity
            yield "readonly_guard.care_unit", record.care_unit
            yield "readonly_guard.patients", record.patients
            yield "readonly_guard.information_sets", record.information_sets
            yield "readonly_guard.relations", record.relations
        case CompletionRecord():
            yield "db.system.name", "postgresql"
            yield "db.response.status_code", record.sqlstate
            yield "db.response.returned_rows", record.rows
            yield "readonly_guard.decision_id", record.decision_id
        case SessionRecord():
            yield "user.name", record.subject
            yield "client.address", record.client_address
            yield "session.id", record.session_id
            yield "db.namespace", record.database
            yield "readonly_guard.event", record.event
            yield "readonly_guard.codes", record.codes
        case _:
            return


def _pair(name: str, value: str | int | tuple[str, ...]) -> KeyValue:
    if isinstance(value, int):
        return KeyValue(key=name, value=AnyValue(int_value=value))
    if isinstance(value, str):
        return KeyValue(key=name, value=AnyValue(string_value=value))
    values = ArrayValue(values=[AnyValue(string_value=item) for item in value])
    return KeyValue(key=name, value=AnyValue(array_value=values))


def _nanoseconds(time: str) -> int:
    since = datetime.fromisoformat(time) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
