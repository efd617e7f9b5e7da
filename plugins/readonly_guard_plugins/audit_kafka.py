"""The log in a Kafka topic that many guards share, each chain in one partition, in its order.

A batch is one transaction: the records, and how far the chain has come, kept as the offset that a consumer group of the
chain's own has committed, with ``seq:hash`` as its metadata. Both become visible together or not at all, so that a
consumer with ``isolation.level=read_committed`` sees every record once, whatever crashed in between. The transactional
id is the chain's: of two feeds of one chain the broker fences the elder off (Kafka's documentation, Design: Using
Transactions).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata

from readonly_guard.domain import Entry
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard.settings import is_this_machine
from readonly_guard_plugins.continuity import Diverged, continuing
from readonly_guard_plugins.https import tls_context

__all__ = ["AuditKafka"]

_MOST_BYTES: Final = 17 * 1024 * 1024
"""The longest message: a line of the log and what stands around it."""

_AGAIN_S: Final = 0.1


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    servers: tuple[str, ...]
    """``host:9092``. TLS is spoken, but for servers on this machine itself where no ``ca`` is given."""
    topic: str = "readonly_guard.log"
    create: bool = True
    """Make the topic if it is missing; nothing in it is ever deleted by age."""
    partitions: int = 6
    replicas: int = 1
    user: str | None = None
    """For SASL."""
    password: Path | None = None
    """A file with the password."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    certificate: Path | None = None
    """Of this client, with its key in the same file or in ``key``."""
    key: Path | None = None
    ca: Path | None = None
    """The certificates to trust, PEM; without it those of the system."""
    timeout_s: float = 10.0


class _Last(NamedTuple):
    seq: int
    hash: str


class AuditKafka:
    """Produces records."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        if not settings.servers:
            raise ConfigurationError("[plugin.audit_kafka] servers: name one, broker.internal:9092")
        if (settings.user is None) != (settings.password is None):
            raise ConfigurationError("[plugin.audit_kafka] user and password belong together; give both or neither")
        hosts = [server.rpartition(":")[0].strip("[]") for server in settings.servers]
        if not all(hosts):
            raise ConfigurationError("[plugin.audit_kafka] servers: write host:port, broker.internal:9092")
        self._settings = settings
        is_encrypted = settings.ca is not None or not all(map(is_this_machine, hosts))
        self._tls: ssl.SSLContext | None = None
        if is_encrypted:
            self._tls = tls_context(settings.ca, "audit_kafka", certificate=settings.certificate, key=settings.key)
        self._producers: dict[str, AIOKafkaProducer] = {}
        self._last: dict[str, _Last] = {}

    @hookimpl
    def record_sink(self) -> AuditKafka:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Produce what the topic does not have yet, in one transaction.

        Raises:
            Diverged: the topic holds another chain under this name, or records between are missing.
            ConfigurationError: the password's file cannot be read.
            aiokafka.errors.KafkaError: the brokers refused, another feed of this chain began, or nobody is there.
        """
        chain = entries[0].chain
        producer = await self._joined(chain)
        last = self._last[chain]
        new = continuing(entries, last.seq, last.hash, "the topic")
        if not new:
            return
        # a transaction that fails is left to the broker, which aborts it when the next producer of this chain begins:
        # aborting it here would wait for a broker that may not be there
        await producer.begin_transaction()
        sent = []
        for entry in new:
            promise = await producer.send(
                self._settings.topic,
                key=chain.encode(),
                value=msgspec.json.encode(entry),
                timestamp_ms=round(datetime.fromisoformat(entry.record.time).timestamp() * 1000),
                headers=[("seq", str(entry.seq).encode()), ("hash", entry.hash.encode())],
            )
            promise.add_done_callback(_seen)
            sent.append(promise)
        *_, written = await asyncio.gather(*sent)
        place = TopicPartition(written.topic, written.partition)
        head = OffsetAndMetadata(written.offset + 1, f"{new[-1].seq}:{new[-1].hash}")
        await producer.send_offsets_to_transaction({place: head}, self._group(chain))
        await producer.commit_transaction()
        self._last[chain] = _Last(new[-1].seq, new[-1].hash)

    async def close(self) -> None:
        """Close the connections, and forget what was known of the topic."""
        producers, self._producers = self._producers, {}
        self._last.clear()
        await asyncio.gather(*map(self._stop, producers.values()), return_exceptions=True)

    async def _stop(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await producer.stop()
        except TimeoutError:
            # it waits for a broker that is not there, to send what is sent anew anyway. Cancelled, it waits for what it
            # had begun; cancelled again, it ends. There is no public way.
            sender = producer._sender.sender_task  # noqa: SLF001
            while sender is not None and not sender.done():
                sender.cancel()
                await asyncio.wait([sender], timeout=_AGAIN_S)
            await producer.client.close()

    def _group(self, chain: str) -> str:
        return f"readonly-guard.{self._settings.topic}.{chain}"

    async def _joined(self, chain: str) -> AIOKafkaProducer:
        """The chain's producer. Once it has begun, no other feed can move the chain on, and where it is can be read."""
        if chain in self._producers:
            return self._producers[chain]
        async with self._administration() as admin:
            await self._make_topic(admin)
            producer = AIOKafkaProducer(
                transactional_id=self._group(chain), max_request_size=_MOST_BYTES, **self._connection()
            )
            try:
                await producer.start()
                self._last[chain] = await self._find_last(admin, chain)
            except BaseException:
                await self._stop(producer)
                raise
        self._producers[chain] = producer
        return producer

    async def _make_topic(self, admin: AIOKafkaAdminClient) -> None:
        settings = self._settings
        if not settings.create or settings.topic in await admin.list_topics():
            return
        kept = {"retention.ms": "-1", "retention.bytes": "-1", "max.message.bytes": str(_MOST_BYTES)}
        topic = NewTopic(settings.topic, settings.partitions, settings.replicas, topic_configs=kept)
        answer = await admin.create_topics([topic])
        for _topic, code, text in answer.topic_errors:
            if code and code != TopicAlreadyExistsError.errno:
                raise for_code(code)(text)

    async def _find_last(self, admin: AIOKafkaAdminClient, chain: str) -> _Last:
        """How far the chain has come; in whichever partition, for their number may have been changed."""
        heads = []
        for place, head in (await self._committed(admin, self._group(chain))).items():
            if place.topic == self._settings.topic:
                seq, _, digest = head.metadata.partition(":")
                if not seq.isdecimal():
                    raise Diverged(f"the group {self._group(chain)}: its offset is none of this program's")
                heads.append(_Last(int(seq), digest))
        return max(heads, default=_Last(0, ""))

    async def _committed(self, admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
        async with asyncio.timeout(self._settings.timeout_s):
            while True:
                try:
                    return dict(await admin.list_consumer_group_offsets(group))
                except KafkaError as error:
                    if not error.retriable:  # a coordinator that is being chosen, at first above all
                        raise
                await asyncio.sleep(_AGAIN_S)

    @asynccontextmanager
    async def _administration(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self._connection())
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    def _connection(self) -> dict[str, Any]:
        settings = self._settings
        found: dict[str, Any] = {
            "bootstrap_servers": list(settings.servers),
            "client_id": "readonly-guard audit forward",
            "request_timeout_ms": round(settings.timeout_s * 1000),
            "ssl_context": self._tls,
        }
        layers = ["SASL"] if settings.password is not None else []
        layers.append("PLAINTEXT" if self._tls is None else "SSL")
        if settings.password is not None:
            try:
                password = settings.password.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"[plugin.audit_kafka] password: {settings.password}: {error}") from error
            found |= {
                "sasl_mechanism": settings.mechanism,
                "sasl_plain_username": settings.user,
                "sasl_plain_password": password,
            }
        return found | {"security_protocol": "_".join(layers)}


def _seen(promise: asyncio.Future[Any]) -> None:
    """Say that a failure was noticed: the first one is raised, and asyncio would complain about the others."""
    if not promise.cancelled():
        promise.exception()
