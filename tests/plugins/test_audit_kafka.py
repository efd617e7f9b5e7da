"""Against a real Kafka: one broker, KRaft, in a Java of its own."""

import asyncio
import gc
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaConnectionError, KafkaError
from loopback import free_port

from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.continuity import Diverged

JARS = Path(__file__).parents[2] / ".tools" / "kafka"


class Broker:
    """A broker that can be stopped and started again with what it holds."""

    def __init__(self, directory):
        self._directory = directory
        self._port, controller = free_port(), free_port()
        self.server = f"127.0.0.1:{self._port}"
        self._settings = directory / "server.properties"
        self._settings.write_text(
            f"""process.roles=broker,controller
            node.id=1
            controller.quorum.voters=1@127.0.0.1:{controller}
            listeners=PLAINTEXT://{self.server},CONTROLLER://127.0.0.1:{controller}
            advertised.listeners=PLAINTEXT://{self.server}
            controller.listener.names=CONTROLLER
            log.dirs={directory / "data"}
            auto.create.topics.enable=false
            offsets.topic.replication.factor=1
            offsets.topic.num.partitions=1
            transaction.state.log.replication.factor=1
            transaction.state.log.min.isr=1
            transaction.state.log.num.partitions=1
            group.initial.rebalance.delay.ms=0
            """
        )
        self._java("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", self._settings).wait(60)
        self._process = None

    def _java(self, *arguments):
        with (self._directory / "log").open("ab") as log:
            return subprocess.Popen(
                ["java", "-Xmx384m", "-XX:+UseSerialGC", "-cp", f"{JARS}/*", *arguments],
                stdout=log, stderr=log, cwd=self._directory,
            )  # fmt: skip

    def start(self):
        self._process = self._java("kafka.Kafka", self._settings)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, (self._directory / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "Kafka did not start"
                time.sleep(0.1)
            else:
                return

    def stop(self):
        self._process.kill()  # what is acknowledged stays: acks=all, one replica, and the machine lives
        self._process.wait(30)


@pytest.fixture(scope="module")
def broker(missing, tmp_path_factory):
    if not JARS.is_dir():
        missing("no Kafka: make kafka")
    if shutil.which("java") is None:
        missing("no Java: apt-get install default-jre-headless")
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(autouse=True)
def collected():
    """What a test leaves of futures and connections is collected here, and complains here."""
    yield
    gc.collect()


class Topic:
    """A topic of a test's own: the section that names it, and what consumers see in it."""

    def __init__(self, broker):
        self.broker = broker
        self.name = f"log-{uuid.uuid4().hex}"
        self.section = {"servers": [broker.server], "topic": self.name, "partitions": 3, "timeout_s": 3.0}

    async def read(self):
        """All messages that are committed, in the order of each partition."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.broker.server, isolation_level="read_committed", auto_offset_reset="earliest",
            max_partition_fetch_bytes=32 * 1024 * 1024,
        )  # fmt: skip
        await consumer.start()
        try:
            places = [TopicPartition(self.name, number) for number in await self._partitions()]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found = []
            for place in places:
                while await consumer.position(place) < ends[place]:
                    batch = await consumer.getmany(place, timeout_ms=500)
                    found += batch.get(place, [])
            return found
        finally:
            await consumer.stop()

    async def heads(self):
        bodies = [json.loads(message.value) for message in await self.read()]
        return sorted((body["chain"], body["seq"], body["hash"]) for body in bodies)

    async def _partitions(self):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.server)
        await admin.start()
        try:
            (described,) = await admin.describe_topics([self.name])
            return sorted(item["partition"] for item in described["partitions"])
        finally:
            await admin.close()

    async def grow(self, count):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.server)
        await admin.start()
        try:
            await admin.create_partitions({self.name: NewPartitions(count)})
        finally:
            await admin.close()


@pytest.fixture
def topic(broker):
    return Topic(broker)


async def test_everything_is_in_the_topic_each_chain_in_its_order(log, feed, topic):
    log.write(300)
    log.write(2, chain="worker.1 ä")
    await feed("audit_kafka", **topic.section).drain()

    assert await topic.heads() == log.heads
    messages = await topic.read()
    assert {message.key.decode() for message in messages} == {"journal", "worker.1 ä"}
    for chain in ("journal", "worker.1 ä"):
        own = [message for message in messages if message.key.decode() == chain]
        assert len({message.partition for message in own}) == 1
        assert [json.loads(message.value)["seq"] for message in own] == list(range(1, len(own) + 1))
    first = next(message for message in messages if message.key == b"journal")
    assert dict(first.headers)["seq"] == b"1"
    assert json.loads(first.value)["record"]["subject"] == "åsa.öberg"


async def test_a_lost_cursor_repeats_nothing(log, feed, topic):
    log.write(10)
    await feed("audit_kafka", **topic.section).drain()
    (log.path / "cursors" / "audit_kafka.json").unlink()
    log.write(2)
    await feed("audit_kafka", **topic.section).drain()

    assert await topic.heads() == log.heads


async def test_a_feed_that_is_killed_within_a_transaction_leaves_nothing_of_it(log, feed, topic, tmp_path):
    log.write(3)
    await feed("audit_kafka", **topic.section).drain()
    log.write(5)
    script = f"""
import asyncio, os, signal
from pathlib import Path
from readonly_guard.audit import Feed
from readonly_guard.hooks import Hooks
from aiokafka import AIOKafkaProducer
async def die(self, *_arguments):
    await self.flush()
    os.kill(os.getpid(), signal.SIGKILL)
AIOKafkaProducer.send_offsets_to_transaction = die
hooks = Hooks()
hooks.load(["audit_kafka"], {{"audit_kafka": {topic.section!r}}}, Path())
((name, sink),) = hooks.sinks()
asyncio.run(Feed(Path({str(log.path)!r}), name, sink).drain())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    assert len(await topic.heads()) == 7, "what was sent is not committed"
    await feed("audit_kafka", **topic.section).drain()

    assert await topic.heads() == log.heads


async def test_of_two_feeds_the_elder_is_fenced_off(log, feed, topic):
    log.write(4)
    one, other = (feed("audit_kafka", **topic.section) for _ in range(2))
    await one._round(is_final=True)
    log.write(4)
    await other.drain()
    log.write(4)
    with pytest.raises(KafkaError, match="(?i)fenc|epoch"):
        await one.drain()
    await one.drain()

    assert await topic.heads() == log.heads


async def test_another_chain_of_the_same_name_is_refused(log, feed, topic):
    log.write(3)
    await feed("audit_kafka", **topic.section).drain()
    for item in [*log.path.glob("*.jsonl"), log.path / "cursors" / "audit_kafka.json"]:
        item.unlink()
    log.write(5)

    with pytest.raises(Diverged, match="record 7 in the topic is another one"):
        await feed("audit_kafka", **topic.section).drain()


async def test_more_partitions_lose_and_repeat_nothing(log, feed, topic):
    log.write(3)
    await feed("audit_kafka", **topic.section).drain()
    await topic.grow(7)
    for item in range(5):
        log.write(2, chain=f"worker-{item}")
    log.write(3)
    (log.path / "cursors" / "audit_kafka.json").unlink()
    await feed("audit_kafka", **topic.section).drain()

    assert await topic.heads() == log.heads


async def test_a_record_as_long_as_the_log_takes_gets_through(log, feed, topic):
    log.write(1, statement="x" * (15 * 1024 * 1024))
    await feed("audit_kafka", **(topic.section | {"timeout_s": 20.0})).drain()

    assert await topic.heads() == log.heads


async def test_a_topic_is_not_made_unless_allowed(log, feed, topic):
    log.write(1)
    with pytest.raises((KafkaError, TimeoutError)):
        async with asyncio.timeout(10):
            await feed("audit_kafka", **(topic.section | {"create": False, "timeout_s": 1.0})).drain()


@pytest.mark.slow
async def test_a_broker_that_was_away_gets_all_of_it_afterwards(log, feed, topic, broker):
    log.write(5)
    one = feed("audit_kafka", **(topic.section | {"timeout_s": 1.0}))
    await one._round(is_final=True)
    broker.stop()
    log.write(5)
    with pytest.raises((KafkaError, TimeoutError)):
        async with asyncio.timeout(2):
            await one.drain()
    with pytest.raises(KafkaConnectionError):
        await feed("audit_kafka", **topic.section).drain()
    broker.start()
    await feed("audit_kafka", **topic.section).drain()

    assert await topic.heads() == log.heads


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({"servers": []}, "name one"),
        ({"servers": ["broker"]}, "host:port"),
        ({"servers": ["127.0.0.1:9092"], "user": "log"}, "belong together"),
        ({"servers": ["broker.example.org:9092"], "ca": "nowhere"}, r"\[plugin.audit_kafka\] ca: .*nowhere"),
        ({"servers": ["broker.example.org:9092"], "certificate": "nowhere"}, r"audit_kafka\] certificate: .*nowhere"),
    ],
)
def test_settings_that_are_wrong_are_named(feed, section, what):
    with pytest.raises(ConfigurationError, match=what):
        feed("audit_kafka", **section)


async def test_nothing_goes_to_another_machine_in_the_clear(log, feed):
    log.write(1)
    sink = feed("audit_kafka", servers=["broker.example.org:9092"])._sink
    assert sink._connection()["security_protocol"] == "SSL"
    near = feed("audit_kafka", servers=["127.0.0.1:9092"])._sink
    assert near._connection()["security_protocol"] == "PLAINTEXT"
    (log.path.parent / "password").write_text("x")
    far = feed("audit_kafka", servers=["broker.example.org:9092"], user="log", password="password")._sink
    assert far._connection()["security_protocol"] == "SASL_SSL"
