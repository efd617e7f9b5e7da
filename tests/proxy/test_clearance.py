"""Clearance of a turn through the running proxy: what is not on record does not go out as one, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.session import GREETING
from readonly_guard.codes import Sqlstate
from readonly_guard.domain import Declared, Session, Subject, core_reason
from readonly_guard_proxy.metrics.meters import Meters
from readonly_guard_proxy.net.link import Link
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.patience import Patience
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.who import Who
from readonly_guard_proxy.session.authentication import Handshake
from readonly_guard_proxy.session.machine import SessionMachine
from readonly_guard_proxy.wire.messages import BackendKey

READ = "select i from t where i < 3"
ANSWER = "T D D C(SELECT 2) Z(I)"


def parsed(pg) -> bytes:
    return pg.parse(READ) + pg.bind() + pg.describe("P") + pg.execute() + pg.SYNC


async def test_turns_go_out_as_one_and_each_is_recorded_once(client, guard, pg) -> None:
    for _ in range(3):
        assert await client.ask(pg.query(READ)) == ANSWER
        assert await client.ask(parsed(pg)) == f"1 2 {ANSWER}"
    assert guard.repeated == [READ] * 6  # a Query, and an Execute with its Parse each time
    assert [(each["rows"], each["sqlstate"]) for each in guard.completions] == [(2, "")] * 6
    assert guard.allowed == []


async def test_a_turn_that_warns_goes_out_as_one_once_the_session_was_told(client, guard, pg) -> None:
    guard.warnings = (core_reason("RG-T04"),)
    assert await client.ask(parsed(pg)) == "1 2 T N D D C(SELECT 2) Z(I)"
    assert guard.repeated == []
    for _ in range(2):
        assert await client.ask(parsed(pg)) == f"1 2 {ANSWER}"
        assert await client.ask(pg.query(READ)) == ANSWER
    assert guard.repeated == [READ] * 4
    guard.warnings = (core_reason("RG-T04"), core_reason("RG-T06"))
    assert await client.ask(pg.query(READ)) == f"N {ANSWER}"
    assert await client.ask(pg.query(READ)) == ANSWER
    assert guard.repeated == [READ] * 5
    assert guard.allowed == []


async def test_transactions_go_out_as_turns(client, guard, pg) -> None:
    """What fails in one does not, nor what ends it then; nor the end of one in which the encoding was set."""
    story = [
        ("begin", "C(BEGIN) Z(T)"), (READ, ANSWER.replace("(I)", "(T)")), ("savepoint s", "C(SAVEPOINT) Z(T)"),
        ("rollback to s", "C(ROLLBACK) Z(T)"), ("release s", "C(RELEASE) Z(T)"), ("begin", "N C(BEGIN) Z(T)"),
        ("commit", "C(COMMIT) Z(I)"), ("begin", "C(BEGIN) Z(T)"), ("select 1/0", "E(22012) Z(E)"),
    ]  # fmt: skip
    for text, answer in story:
        assert await client.ask(pg.query(text)) == answer
    assert guard.repeated == [text for text, _ in story]
    assert await client.ask(pg.query("rollback")) == "C(ROLLBACK) Z(I)"
    assert await client.ask(pg.query("begin")) == "C(BEGIN) Z(T)"
    assert await client.ask(pg.query("set client_encoding to latin1")) == "C(SET) S Z(T)"
    assert await client.ask(pg.query("rollback")) == "C(ROLLBACK) S Z(I)"
    assert guard.repeated == [*(text for text, _ in story), "begin"]
    assert await client.ask(pg.query("rollback")) == "N C(ROLLBACK) Z(I)"
    assert guard.repeated[-1] == "rollback"
    assert guard.allowed == []


async def test_bytes_are_counted_as_without(client, guard, pg) -> None:
    await client.ask(pg.query(READ))
    await client.ask(parsed(pg))
    guard.has_precedents = False
    await client.ask(pg.query(READ))
    await client.ask(parsed(pg))
    counts = [each["bytes"] for each in guard.completions]
    assert counts[:2] == counts[2:]


async def test_an_error_in_a_turn_ends_it_as_any_other(client, guard, pg) -> None:
    assert await client.ask(pg.query("select 1/0")) == "E(22012) Z(I)"
    division = pg.parse("select 1/0") + pg.bind() + pg.describe("P") + pg.execute() + pg.SYNC
    assert (await client.ask(division)).endswith("E(22012) Z(I)")
    assert await client.ask(parsed(pg)) == f"1 2 {ANSWER}"
    assert guard.allowed == []


@pytest.mark.parametrize("fault", ["raised", "told"])
async def test_what_cannot_be_recorded_is_decided_anew(client, guard, pg, fault) -> None:
    guard.record_faults = [fault]
    assert await client.ask(parsed(pg)) == f"1 2 {ANSWER}"
    assert guard.allowed == []
    assert [(each["rows"], each["sqlstate"]) for each in guard.completions] == [(2, "")]


async def test_a_defect_ends_the_session_and_leaves_nothing_open(client, guard, pg, logged) -> None:
    guard.record_faults = ["defect"]
    client.send(parsed(pg))
    assert (await client.rest()).endswith("EOF")
    assert "secret" not in str((client.errors, logged))
    assert [entry["error"] for entry in logged if entry["event"] == "session machine failed"] == ["RuntimeError"]
    logged.clear()  # this once, it is meant
    assert guard.completions == []
    assert guard.allowed == []


async def test_a_log_that_takes_nothing_denies(client, guard, pg) -> None:
    guard.record_faults = ["told"]
    denials = iter([None, "RG-L01"])
    guard.denies = lambda request: next(denials)  # first looked for, then decided
    assert await client.ask(pg.query(READ)) == "E(42501) Z(I)"
    assert "RG-L01" in str(client.errors[-1])
    assert guard.allowed == []


async def test_what_happens_while_a_turn_waits_for_its_record_happens_after_it(client, guard, pg) -> None:
    guard.record_delay_s = 0.05
    client.send(pg.query(READ))
    await asyncio.sleep(0.02)
    assert guard.repeated == [READ]
    client.send(pg.query("select 1; select 2")[:7])
    await asyncio.sleep(0.01)
    client.send(pg.query("select 1; select 2")[7:] + pg.query("delete from t"))
    guard.denies = lambda request: "RG-W02" if "delete" in request.text else None
    assert await client.until_ready() == ANSWER
    assert await client.until_ready() == "T D C(SELECT 1) T D C(SELECT 1) Z(I)"
    assert await client.until_ready() == "E(25006) Z(I)"
    assert guard.allowed == []


async def test_a_client_that_leaves_while_its_turn_waits_leaves_nothing_open(client, guard, pg) -> None:
    guard.record_delay_s = 0.05
    client.send(pg.query(READ))
    await asyncio.sleep(0.02)
    await client.close()
    await asyncio.sleep(0.2)
    assert guard.repeated == [READ]
    assert guard.allowed == []
    assert [each["sqlstate"] for each in guard.completions] == [Sqlstate.CANCELED]


async def until(is_so) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)


async def sent_and_never_on_record(client, guard, pg) -> None:
    guard.record_delay_s = 3_600.0
    client.send(pg.query(READ))
    await until(lambda: guard.repeated == [READ])


async def test_a_session_of_which_the_client_leaves_waits_for_no_record(client, guard, pg) -> None:
    await sent_and_never_on_record(client, guard, pg)
    await client.close()
    await until(lambda: guard.sessions[-1][0] == "closed")


async def test_a_drain_that_is_over_waits_for_no_record(run_proxy, postgres, client_class, guard, pg) -> None:
    async with run_proxy(str(Path(postgres).parent), drain_s=0.1) as proxy:
        client = await (await client_class.connect(proxy.port)).login()
        await sent_and_never_on_record(client, guard, pg)
        proxy.stop.set()
        assert await client.rest() == "E(57P01) EOF"


async def test_a_server_that_leaves_meanwhile_says_why(proxy, client, guard, pg, postgres) -> None:
    other = await (await type(client).connect(proxy.port)).login()
    await sent_and_never_on_record(client, guard, pg)
    guard.record_delay_s = 0.0
    await other.ask(
        pg.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
            "and backend_type = 'client backend'"
        )
    )
    assert await client.rest() == "E(57P01) EOF"


class Nowhere:
    """A session's place where nobody counts."""

    def opened(self, servers) -> None:
        """As it comes."""

    def closed(self, link) -> None:
        """As it comes."""


def link_of(guard, meters) -> Link:
    return Link(
        who=Who(subject=Subject(id="u"), session=Session(session_id="s"), initial=Declared(), language="en"),
        machine=SessionMachine(
            user="u",
            handshake=Handshake(version=3 << 16, is_private=True),
            cancel_key=BackendKey(1, b"abcd"),
            message_bytes=1_000,
        ),
        guard=MeasuredGuard(guard, meters),
        tasks=Tasks(),
        meters=meters,
        place=Nowhere(),
        patience=Patience({}),
    )


@pytest.mark.parametrize("faults", [[], ["told"], ["raised"]], ids=str)
async def test_what_is_decided_about_a_turn_is_counted_once(guard, pg, faults) -> None:
    meters, to_server = Meters(), Peer()
    link = link_of(guard, meters)
    link.join(Peer(), to_server)
    link.server_sent(GREETING)
    guard.record_faults = faults
    link.client_sent(parsed(pg))
    await until(lambda: to_server.written.endswith(pg.SYNC))
    assert meters.allowed == sum(meters.decision_s.figures().counts) == 1
    assert 0 < meters.decision_s.figures().sum_s < 10


async def test_what_the_server_reports_meanwhile_is_heard_before_the_turn_is_sent(guard, pg) -> None:
    to_client, to_server = Peer(), Peer()
    link = link_of(guard, Meters())
    link.join(to_client, to_server)
    link.server_sent(GREETING)
    guard.record_delay_s = 0.05
    link.client_sent(pg.query(READ))
    link.server_sent(pg.frame(b"N", b"SNOTICE\0\0"))
    await until(lambda: to_server.written)
    assert to_server.written == pg.query(READ)  # decided anew, message by message
    assert to_client.written.endswith(pg.frame(b"N", b"SNOTICE\0\0"))
    link.server_sent(pg.frame(b"C", b"SELECT 0\0") + pg.frame(b"Z", b"I"))
    link.client_sent(pg.query(READ))
    link.server_sent(pg.frame(b"S", b"default_transaction_read_only\0off\0"))
    await until(lambda: guard.allowed == [])
    assert to_server.written == pg.query(READ)
    assert b"RG-T06" in to_client.written
    assert sorted(each["sqlstate"] for each in guard.completions) == ["", Sqlstate.CANCELED, Sqlstate.CANCELED]


class Peer:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def get_extra_info(self, _name: str) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return 0

    def nothing(self, *_arguments: object) -> None:
        """Nothing comes by itself, and nothing has to be closed."""

    set_protocol = pause_reading = resume_reading = abort = close = nothing


async def test_pipelined_turns_are_all_answered_in_order(client, guard, pg) -> None:
    slow = "select pg_sleep(0.5)"  # longer than what comes behind it can take to get here on a busy machine
    client.send(pg.query(slow))
    await asyncio.sleep(0.02)
    client.send(parsed(pg))
    await asyncio.sleep(0.01)
    client.send(pg.query(READ))
    assert await client.until_ready() == "T D C(SELECT 1) Z(I)"
    assert await client.until_ready() == f"1 2 {ANSWER}"
    assert await client.until_ready() == ANSWER
    assert guard.repeated == [slow]
    assert guard.allowed == []


async def test_a_client_is_read_no_further_while_its_turn_waits(client, guard, pg) -> None:
    guard.record_delay_s = 0.3
    client.send(pg.query(READ))
    await asyncio.sleep(0.05)
    sent = [pg.query(f"select '{number:0>9999}'") for number in range(3_000)]
    client.send(*sent)
    await asyncio.sleep(0.1)
    assert client.writer.transport.get_write_buffer_size() > 10_000_000  # of 30: what is not read cannot be sent
    guard.record_delay_s = 0.0
    for expected in [ANSWER, *["T D C(SELECT 1) Z(I)"] * len(sent)]:
        assert await client.until_ready() == expected
    assert guard.allowed == []
