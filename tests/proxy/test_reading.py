"""Texts read in worker processes: the same analyses, and whatever happens to a worker costs one denial."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from readonly_guard import Analyzer, Guard
from readonly_guard.domain import StatementRequest, Subject
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Bounds
from readonly_guard.sql.libpg_query import Tokens
from readonly_guard.sql.scan import Scanned, scan_text
from readonly_guard_proxy.reading import process
from readonly_guard_proxy.reading.exchange import HEADER, READY, Answer, Instructions, Question, frame
from readonly_guard_proxy.reading.pool import ReadingPool

RULES, BOUNDS = ReadingSettings(), Bounds()
CORPUS = Path(__file__).parents[1] / "corpus"
PATIENCE_S = 20.0  # where a test is not about the deadline, a busy machine may not fail it
SLOW_TEXT = "SELECT " + "1, " * 11_000 + "1"  # within the bounds; a tenth of a second


@pytest.fixture
async def open_pool():
    """``await open_pool(workers=1)``; closed after the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(rules=RULES, bounds=BOUNDS, *, deadline_s=PATIENCE_S, **options):
            pool = ReadingPool(rules, bounds, deadline_s=deadline_s, **options)
            return await stack.enter_async_context(pool)

        yield opened


def scanned_of(text):
    """The tokens of a text within the bounds; None for any other."""
    scanned = scan_text(text, BOUNDS)
    return scanned if isinstance(scanned, Scanned) else None


def what(analysis, code="RG-T04"):
    """What a denial is about; a reading has none."""
    assert not analysis.readings
    (reason,) = analysis.reasons
    assert reason.code == code
    return reason.what


def state_of(pid):
    return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def is_gone(pid):
    state = state_of(pid)
    return not state.strip() or state.startswith("Z")  # whoever inherits an orphan may be slow to bury it


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  processes set no event
            await asyncio.sleep(0.01)


async def replaced(pool, pid):
    await until(lambda: pool.pids and pid not in pool.pids)


def stop(pool):
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    return pid


class TestAgreement:
    async def test_on_the_corpus(self, open_pool):
        pool, analyzer = await open_pool(), Analyzer(RULES, BOUNDS)
        chunks = [chunk for path in CORPUS.glob("*.sql") for chunk in path.read_text("utf-8").split("-- expect: ")[1:]]
        texts = {chunk.partition("\n")[2].rstrip("\n") for chunk in chunks}
        assert len(texts) > 100
        for text in texts:
            expected = analyzer.read(text)
            assert await pool.read(text) == expected, text
            assert await pool.read(text, scanned_of(text)) == expected, text

    async def test_on_whatever_a_client_may_send(self, open_pool):
        pool, analyzer = await open_pool(), Analyzer(RULES, BOUNDS)
        for text in (
            "", " ", ";", "-- only a comment", "\0", "SELECT 1\0; DELETE FROM t", "SELECT '\ud800'", "\udfff", "SELECT 'å😀'",
            "SELECT E'\\xff'", "a" * 100_001, "(" * 70, SLOW_TEXT, "DELETE FROM t;" * 5_000, "SELECT a(), b();" * 1_500,
        ):  # fmt: skip
            assert await pool.read(text) == analyzer.read(text), ascii(text[:20])

    async def test_under_rules_and_bounds_of_ones_own(self, open_pool):
        rules = ReadingSettings(documentation_tables=("t",), search_path=("a", "b"), allowed_settings=("x.y",))
        bounds = Bounds(statement_bytes=40, tokens=8)
        pool, analyzer = await open_pool(rules, bounds, workers=1), Analyzer(rules, bounds)
        texts = ("INSERT INTO t VALUES (1)", "SET search_path = a, b", "SET x.y = '1'", "SELECT 1,2,3,4,5,6", "x" * 41)
        readings = [await pool.read(text) for text in texts]
        assert readings == [analyzer.read(text) for text in texts]
        assert readings != [Analyzer().read(text) for text in texts]

    async def test_where_characters_are_not_bytes(self, open_pool):
        pool, analyzer = await open_pool(), Analyzer(RULES, BOUNDS)
        for text in ("SELECT åäö, 'å😀' FROM \"Ö\" -- ü", "SELECT ö FROM t WHERE person_id = 7 AND f(ö) = å.ä"):
            assert await pool.read(text, scanned_of(text)) == analyzer.read(text), text

    async def test_of_two_hundred_at_once(self, open_pool):
        pool, analyzer = await open_pool(), Analyzer(RULES, BOUNDS)
        texts = [f"SELECT c{number} FROM t WHERE person_id = {number}" for number in range(200)]
        assert await asyncio.gather(*map(pool.read, texts)) == [analyzer.read(text) for text in texts]


async def test_what_was_read_is_let_go_text_by_text(open_pool):
    """Syntax trees are circles: what is neither taken apart nor looked for stays, some megabytes of each of these."""
    pool = await open_pool(workers=1)

    async def held_after(numbers):
        for number in numbers:
            assert (await pool.read(f"SELECT c{number}, " + "a + b, " * 4_000 + "1")).readings
        await asyncio.sleep(0.05)  # it is done when it has answered
        return resident_bytes(*pool.pids)

    first = await held_after(range(8))  # until then the allocator itself grows
    assert await held_after(range(8, 16)) - first < 10_000_000


class TestAWorkerThatIsLost:
    async def test_in_the_middle_of_a_text_costs_one_denial(self, open_pool, logged):
        pool = await open_pool(workers=1)
        pid = stop(pool)
        began = time.monotonic()
        first, second = (asyncio.create_task(pool.read(text)) for text in ("SELECT 1", "SELECT 2"))
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        assert what(await first) == process.ENDED
        assert not (await second).reasons
        assert not (await pool.read("SELECT 1")).reasons
        assert time.monotonic() - began < PATIENCE_S
        (told,) = [entry for entry in logged if entry["event"] == "reading worker lost"]
        assert (told["pid"], told["why"], told["status"]) == (pid, process.ENDED, -signal.SIGKILL)

    async def test_between_two_texts_costs_nothing(self, open_pool):
        pool = await open_pool(workers=1)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        await replaced(pool, pid)
        assert not (await pool.read("SELECT 1")).reasons

    async def test_that_hangs_is_late_at_the_deadline_and_then_killed(self, open_pool):
        pool = await open_pool(workers=1, deadline_s=0.4)
        pid = stop(pool)
        began = time.monotonic()
        assert what(await pool.read("SELECT 1")) == process.LATE
        assert 0.3 < time.monotonic() - began < 10
        await replaced(pool, pid)
        assert is_gone(pid)
        assert not (await pool.read("SELECT 1")).reasons

    async def test_does_not_stop_the_others(self, open_pool):
        pool = await open_pool(workers=2)
        os.kill(pool.pids[0], signal.SIGSTOP)
        reading = [asyncio.create_task(pool.read(f"SELECT {number}")) for number in range(21)]
        await until(lambda: sum(task.done() for task in reading) == 20)  # one of them all is with the stopped worker
        assert not any(task.result().reasons for task in reading if task.done())

    async def test_may_be_lost_again_and_again(self, open_pool):
        pool = await open_pool(workers=1)
        for number in range(3):
            pid = stop(pool)
            reading = asyncio.create_task(pool.read(f"SELECT {number}"))
            await asyncio.sleep(0.02)
            os.kill(pid, signal.SIGKILL)
            assert what(await reading) == process.ENDED
            assert not (await pool.read(f"SELECT {number}")).reasons


class TestWaiting:
    async def test_behind_a_text_that_is_late_costs_nothing_but_time(self, open_pool, logged):
        pool = await open_pool(workers=1, deadline_s=0.5)
        stop(pool)
        late, *others = await asyncio.gather(*(pool.read(f"SELECT {number}") for number in range(50)))
        assert what(late) == process.LATE
        assert not any(answer.reasons for answer in others)
        assert [entry["event"] for entry in logged].count("reading worker lost") == 1

    async def test_has_an_end_and_says_that_it_may_be_tried_again(self, open_pool):
        pool = await open_pool(workers=1, patience_s=0.3)
        pid = stop(pool)
        reading, *waiting = [asyncio.create_task(pool.read(f"SELECT {number}")) for number in range(20)]
        answers = await asyncio.gather(*waiting)
        assert {what(answer, "RG-SYS-004") for answer in answers} == {"its turn did not come in time"}
        os.kill(pid, signal.SIGCONT)
        assert not (await reading).reasons
        assert not (await pool.read("SELECT 1")).reasons

    async def test_is_bounded_in_number(self, open_pool):
        pool = await open_pool(workers=1, waiting=3)
        pid = stop(pool)
        reading = [asyncio.create_task(pool.read(f"SELECT {number}")) for number in range(4)]
        await asyncio.sleep(0)
        assert what(await pool.read("SELECT 4"), "RG-SYS-004") == "too many others wait to be read"
        assert not any(task.done() for task in reading)
        os.kill(pid, signal.SIGCONT)
        assert not any(analysis.reasons for analysis in await asyncio.gather(*reading))

    async def test_a_text_that_many_wait_for_is_read_once(self, open_pool):
        pool = await open_pool(workers=1)
        pid = stop(pool)
        texts = ["SELECT 1"] * 10 + ["SELECT 2"] * 10  # with the worker, and waiting
        reading = [asyncio.create_task(pool.read(text)) for text in texts]
        await asyncio.sleep(0)
        reading[0].cancel()  # a session that ends
        reading[10].cancel()
        os.kill(pid, signal.SIGCONT)
        answers = await asyncio.gather(*reading[1:10], *reading[11:])
        assert not any(answer.reasons for answer in answers)
        assert len({id(answer) for answer in answers}) == 2

    async def test_in_order(self, open_pool):
        pool, ended = await open_pool(workers=1), []
        pid = stop(pool)

        async def read(number):
            await pool.read(f"SELECT {number}")
            ended.append(number)

        reading = [asyncio.create_task(read(number)) for number in range(10)]
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGCONT)
        await asyncio.gather(*reading)
        assert ended == list(range(10))


class TestTheEnd:
    async def test_leaves_no_process_and_nobody_waiting(self):
        pool = ReadingPool(RULES, BOUNDS, workers=2, deadline_s=PATIENCE_S)
        await pool.start()
        pids = pool.pids
        assert len(set(pids)) == 2
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        reading = [asyncio.create_task(pool.read(f"SELECT {number}")) for number in range(4)]
        await asyncio.sleep(0)
        await pool.aclose()
        assert [what(await task, "RG-SYS-004") for task in reading] == ["the guard is shutting down"] * 4
        assert all(is_gone(pid) for pid in pids)
        assert what(await pool.read("SELECT 1"), "RG-SYS-004") == "the guard is shutting down"
        await pool.aclose()

    async def test_while_a_worker_is_being_replaced(self, open_pool):
        pool = await open_pool(workers=1)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.05)
        await pool.aclose()
        assert is_gone(pid)

    async def test_signals_to_the_whole_group_leave_the_workers_to_the_sessions_that_are_drained(self, open_pool):
        pool = await open_pool()
        before = set(pool.pids)
        for pid in before:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
        assert not (await pool.read("SELECT 1")).reasons
        assert set(pool.pids) == before

    def test_of_a_parent_that_is_killed_is_the_workers(self):
        program = """
import asyncio
from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import Bounds
from readonly_guard_proxy.reading.pool import ReadingPool

async def main():
    async with ReadingPool(ReadingSettings(), Bounds(), workers=3, deadline_s=60) as pool:
        print("pids", *pool.pids, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
            words = next(line for line in parent.stdout if line.startswith("pids")).split()
            pids = [int(word) for word in words[1:]]
            assert not any(is_gone(pid) for pid in pids)
            os.kill(pids[0], signal.SIGSTOP)
            while not state_of(pids[0]).startswith("T"):  # one that stops later is orphaned for good (POSIX, 2.4.3)
                time.sleep(0.01)
            parent.kill()
        give_up = time.monotonic() + PATIENCE_S
        while not all(is_gone(pid) for pid in pids) and time.monotonic() < give_up:
            time.sleep(0.02)
        assert all(is_gone(pid) for pid in pids)


class TestItDoesNotStart:
    """One error, which names the setting, and no process left behind."""

    @pytest.mark.parametrize(("program", "reason"), [("/nowhere/python", "No such file"), ("/bin/false", "status 1;")])
    async def test_without_its_interpreter(self, monkeypatch, program, reason):
        monkeypatch.setattr(sys, "executable", program)
        pool = ReadingPool(RULES, BOUNDS)
        with pytest.raises(ConfigurationError, match=r"^reading\.workers: .*workers = 0 reads in ") as caught:
            await pool.start()
        assert reason in str(caught.value)
        assert pool.pids == ()

    async def test_when_a_worker_is_never_ready(self, monkeypatch, stand_in):
        monkeypatch.setattr(process, "_START_S", 0.5)
        stand_in("time.sleep(60)")
        with pytest.raises(ConfigurationError, match="it was not ready, and ended with status -9; "):
            await ReadingPool(RULES, BOUNDS).start()

    async def test_when_a_worker_says_something_else(self, stand_in):
        stand_in("say(b'hello'); time.sleep(60)")
        with pytest.raises(ConfigurationError, match="it was not ready, and ended with status -9; "):
            await ReadingPool(RULES, BOUNDS).start()


async def test_without_workers_everything_new_is_denied_until_there_is_one_again(open_pool, monkeypatch, logged):
    pool = await open_pool(workers=1, patience_s=0.5)
    (pid,) = pool.pids
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: pid not in pool.pids)
        for number in range(2):
            began = time.monotonic()
            assert what(await pool.read(f"SELECT {number}"), "RG-SYS-004") == "its turn did not come in time"
            assert time.monotonic() - began < 10
    await replaced(pool, pid)
    assert not (await pool.read("SELECT 1")).reasons
    pauses = [entry["again_in_s"] for entry in logged if entry["event"] == "reading worker not started"]
    assert pauses[:3] == [0.1, 0.2, 0.4]


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Have another program started instead of the worker: its first lines, and what the test says."""

    def use(program):
        path = tmp_path / "stand-in"
        path.write_text(
            f"#!{sys.executable}\n"
            "import os, struct, time\n"
            "def heard():\n"
            "    (length,) = struct.unpack('!I', os.read(0, 4))\n"
            "    return os.read(0, length)\n"
            "def say(body):\n"
            "    os.write(1, struct.pack('!I', len(body)) + body)\n"
            f"{program}\n"
        )
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))

    return use


def answer(number, analysis):
    return frame(msgspec.msgpack.encode([number, analysis]))


READ = {"readings": [], "reasons": [], "normalised": "", "fingerprint": ""}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\0\0\0\1\x80", id="an empty map"),
        pytest.param(frame(b""), id="nothing"),
        pytest.param(answer(2, READ), id="an answer to another question"),
        pytest.param(answer(1, {**READ, "reasons": [{"code": "RG-T01"}]}), id="half a reason"),
        pytest.param(answer(1, {**READ, "readings": [{"kind": "select", "effects": ["nonsense"]}]}), id="no effect"),
        pytest.param(answer(1, READ) + b"\0", id="more than an answer"),
        pytest.param(answer(1, READ) * 2, id="two answers"),
        pytest.param(b"\xff\xff\xff\xff", id="four gigabytes"),
        pytest.param(frame(b"\x92\x01\x81\xaanormalised\xa1\xff"), id="no text"),
        pytest.param(frame(b"\x92\x01\x81\xa1x" + b"\x91" * 100_000), id="a deep tree"),
        pytest.param(b"Traceback (most recent call last):", id="a message"),
        pytest.param(bytes(range(200)), id="half an answer"),
    ],
)
async def test_an_answer_that_is_none_ends_the_worker(open_pool, stand_in, said, request):
    real = sys.executable
    stand_in(f"heard(); say({READY!r}); heard(); os.write(1, {said!r}); time.sleep(60)")
    pool = await open_pool(workers=1, deadline_s=2.0)
    (pid,) = pool.pids
    sys.executable = real  # what the next one is; monkeypatch undoes both
    is_half = "half an answer" in request.node.name
    assert what(await pool.read("SELECT 1")) == (process.LATE if is_half else process.MALFORMED)
    await replaced(pool, pid)
    assert is_gone(pid)


@pytest.mark.parametrize(
    "program", ["say(b'\\x92\\0\\x80'); time.sleep(60)", "os.close(0); os.close(1); time.sleep(60)"]
)
async def test_a_worker_that_speaks_unasked_or_turns_its_back_is_replaced(open_pool, stand_in, program):
    real = sys.executable
    stand_in(f"heard(); say({READY!r}); time.sleep(0.2); {program}")
    pool = await open_pool(workers=1)
    (pid,) = pool.pids
    sys.executable = real
    await replaced(pool, pid)
    assert is_gone(pid)
    assert not (await pool.read("SELECT 1")).reasons


class TestAWorkerAlone:
    """The worker as a program, spoken to by hand."""

    @pytest.fixture
    def start(self):
        with contextlib.ExitStack() as stack:

            def started(**instructions):
                ours, theirs = socket.socketpair()
                stack.enter_context(ours)
                ours.settimeout(PATIENCE_S)
                with theirs:
                    command = [sys.executable, "-m", "readonly_guard_proxy.reading.worker"]
                    worker = stack.enter_context(
                        subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno())
                    )
                stack.callback(worker.kill)
                told = Instructions(**{"rules": RULES, "bounds": BOUNDS, "longest_s": PATIENCE_S, **instructions})
                ours.sendall(frame(msgspec.msgpack.encode(told)))
                assert ours.recv(100) == frame(READY)
                return worker, ours

            yield started

    def ask(self, ours, number, text):
        ours.sendall(frame(msgspec.msgpack.encode(Question(number=number, text=text.encode()))))

    def test_ends_when_the_socket_closes(self, start):
        worker, ours = start()
        ours.close()
        assert worker.wait(PATIENCE_S) == 0

    def test_ends_quietly_when_nobody_wants_the_answer(self, start):
        worker, ours = start()
        self.ask(ours, 1, SLOW_TEXT)
        ours.close()
        assert worker.wait(PATIENCE_S) == 0

    def test_scans_no_text_again_that_was_scanned(self, start):
        _, ours = start(bounds=Bounds(tokens=1))  # which whoever asks has held the text against
        text = "SELECT 1"
        scanned = scanned_of(text)
        for tokens, codes in ((None, ["RG-T04"]), (scanned.tokens, [])):
            question = Question(number=1, text=text.encode(), tokens=tokens)
            ours.sendall(frame(msgspec.msgpack.encode(question)))
            (length,) = HEADER.unpack(ours.recv(HEADER.size))
            said = msgspec.msgpack.decode(ours.recv(length), type=Answer)
            assert [reason.code for reason in said.analysis.reasons] == codes

    def test_ends_on_tokens_that_are_not_the_texts(self, start):
        worker, ours = start()
        tokens = Tokens(("IDENT",), (1,), (2,))
        ours.sendall(frame(msgspec.msgpack.encode(Question(number=1, text="å".encode(), tokens=tokens))))
        assert worker.wait(PATIENCE_S) == 1
        assert ours.recv(1) == b""

    def test_ends_itself_when_nobody_else_does(self, start):
        worker, ours = start(longest_s=0.01)
        self.ask(ours, 1, SLOW_TEXT)
        assert worker.wait(PATIENCE_S) == -signal.SIGALRM
        assert ours.recv(1) == b""

    def test_only_while_it_reads(self, start):
        worker, ours = start(longest_s=1.0)
        for number in (1, 2):
            self.ask(ours, number, "SELECT 1")
            (length,) = HEADER.unpack(ours.recv(HEADER.size))
            said = msgspec.msgpack.decode(ours.recv(length), type=Answer)
            assert (said.number, said.analysis.reasons) == (number, ())
            time.sleep(1.2)
        assert worker.poll() is None

    @pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of other processes are seen on Linux only")
    def test_has_bounded_its_memory_and_leaves_no_core(self, start):
        worker, _ = start()
        assert resource.prlimit(worker.pid, resource.RLIMIT_CORE) == (0, 0)
        soft, hard = resource.prlimit(worker.pid, resource.RLIMIT_AS)
        assert 512 * 2**20 < soft == hard < 4 * 2**30

    def test_a_text_that_needs_too_much_memory_is_no_read(self, start):
        bounds = Bounds(statement_bytes=2**28, tokens=2**28)
        worker, ours = start(bounds=bounds)
        self.ask(ours, 1, "SELECT " + "1," * 4_000_000 + "1")
        head = ours.recv(HEADER.size)
        if not head:  # it ended
            assert worker.wait(PATIENCE_S) != 0
            return
        said = msgspec.msgpack.decode(ours.recv(*HEADER.unpack(head)), type=Answer)
        assert said.analysis.reasons


class TestWithAGuard:
    @pytest.fixture
    def guard(self, tmp_path):
        with Guard.open(journal=tmp_path / "journal") as guard:
            yield guard

    @staticmethod
    async def codes(guard, text):
        return (await guard.decide(StatementRequest(text=text, subject=Subject(id="nobody")))).codes

    async def test_what_is_known_needs_no_worker(self, guard, open_pool):
        pool = await open_pool(workers=1)
        guard.read_with(pool)
        known = await self.codes(guard, "SELECT name_last FROM person WHERE person_id = 1")
        assert "RG-T04" not in known
        stop(pool)
        async with asyncio.timeout(5):
            assert await self.codes(guard, "SELECT name_last FROM person WHERE person_id = 1") == known
            assert await self.codes(guard, "SELECT name_last FROM person WHERE person_id = 2") == known
            assert await self.codes(guard, "\0") == ("RG-T02", *known)

    async def test_a_denial_for_want_of_a_worker_is_not_remembered(self, guard, open_pool):
        pool = await open_pool(workers=1)
        guard.read_with(pool)
        pid = stop(pool)
        denied = asyncio.create_task(self.codes(guard, "SELECT 1"))
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        assert "RG-T04" in await denied
        assert "RG-T04" not in await self.codes(guard, "SELECT 1")
        assert "RG-W05" in await self.codes(guard, "DELETE FROM person")
