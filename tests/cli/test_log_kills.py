"""kill -9 through the whole proxy, under load, with the log rotating: what the server was given is in the log.

Each statement names a patient of its own. The server writes down every statement that it is given, so what reached it can
be held against the log, whether its answer came or not.
"""

import asyncio
import os
import random
import re
import signal

import asyncpg
import psycopg
import pytest

from readonly_guard.audit import KeyRing, SigningKey, read, verify_all
from readonly_guard.domain import DecisionRecord, RepairRecord

ROUNDS = int(os.environ.get("READONLY_GUARD_PROXY_KILLS", "5"))
"""How often the proxy is killed; a campaign of 200 takes some ten minutes and is run by hand when the log changes."""

SESSIONS = 8
FIRST = 1_000_000
ENDED = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
TORN = (b'{"seq":7,"prev":"00', b"\0" * 300, b'{"seq":7,"prev":"00' + b"\0" * 200 + b'"}\n{"half', b"\xff\xfe")


class Load:
    """Sessions that read without a pause; what was asked and what was answered, by the number of the patient."""

    def __init__(self, millennium):
        self._millennium = millennium
        self._next = FIRST
        self.asked = set()
        self.answered = set()

    async def session(self, port):
        try:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=port, user="alind", password=self._millennium.password,
                database=self._millennium.name, server_settings={"readonly_guard.purpose": "TREAT"}, timeout=10,
            )  # fmt: skip
        except (*ENDED, TimeoutError):
            return
        try:
            while True:
                self._next += 1
                number = self._next
                self.asked.add(number)
                if number % 3:
                    await connection.execute(f"SELECT 1 FROM millennium.person WHERE person_id = {number}")
                else:
                    await connection.fetch("SELECT 1 FROM millennium.person WHERE person_id = $1", number)
                self.answered.add(number)
        except ENDED:
            connection.terminate()

    async def until_killed(self, proxy, after):
        """The proxy's life ends with so many more answers, however long a busy machine takes for them."""
        enough = len(self.answered) + after
        sessions = [asyncio.create_task(self.session(proxy.port)) for _ in range(SESSIONS)]
        async with asyncio.timeout(60):
            while len(self.answered) < enough:  # noqa: ASYNC110  a millisecond more or less makes the moment a random one
                await asyncio.sleep(0.001)
        proxy.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(proxy.process.wait, 10)
        await asyncio.wait_for(asyncio.gather(*sessions), 20)


def tear(journal, chance):
    """What power loss would leave behind the last commit."""
    last = max(journal.glob("journal-*.jsonl"))
    with last.open("ab") as file:
        file.write(chance.choice(TORN))


@pytest.mark.slow
def test_whatever_reached_the_server_is_in_the_log(writable_millennium, guard_toml, start_proxy, tmp_path):
    millennium = writable_millennium
    with psycopg.connect(millennium.admin_dsn, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {millennium.name} SET log_statement = 'all'")
    key = SigningKey.generate(tmp_path / "signing.key")
    journal = tmp_path / "journal"
    config = guard_toml(
        upstream=f'host = "127.0.0.1"\nport = {millennium.server.port}',
        journal='path = "journal"\nsegment_mb = 1\nsigning_key = "signing.key"\nseal_every_s = 0.2',
        reading='search_path = ["millennium", "public"]\nworkers = 0',
    )
    chance, load, torn = random.Random(20261125), Load(millennium), 0
    said_before = len(millennium.server.log())  # of other tests of this server
    for turn in range(ROUNDS):
        proxy = start_proxy(config)
        asyncio.run(load.until_killed(proxy, after=chance.randrange(1_200)))
        if turn % 2:
            tear(journal, chance)
            torn += 1
    assert start_proxy(config).stop() == 0

    given = {
        int(number)
        for line in millennium.server.log()[said_before:].splitlines()
        for number in re.findall(r"person_id = (\d{7})\b|\$1 = '(\d{7})'", line)
        for number in number
        if number
    }
    entries = list(read(journal))
    allowed = {
        int(patient.removeprefix("person_id:"))
        for entry in entries
        if isinstance(entry.record, DecisionRecord) and entry.record.verdict == "allow"
        for patient in entry.record.patients
        if patient.removeprefix("person_id:").isdecimal()
    }
    assert len(load.answered) > 50 * ROUNDS
    assert load.answered <= given, "the server's log tells of everything that it answered"
    assert given <= load.asked
    assert given <= allowed, "nothing reaches the server without its record"
    checked = verify_all(journal, public_keys=KeyRing.load([key.publish(tmp_path)]))
    assert [found.first_fault for found in checked] == [None]
    assert sum(isinstance(entry.record, RepairRecord) for entry in entries) == torn
    assert checked[0].segments > 1 or ROUNDS < 5
