import asyncio
import errno
import os
import time

import pytest

from readonly_guard.audit import Journal, JournalPlugin, read, verify
from readonly_guard.errors import LogUnavailable
from readonly_guard.hooks import Hooks


class Disk:
    def __init__(self):
        self.calls = 0
        self.failure = None
        self.now_s = 0.0
        self.takes_s = 0.0

    def __call__(self, descriptor):
        self.calls += 1
        self.now_s += self.takes_s
        if self.failure is not None:
            raise self.failure
        os.fdatasync(descriptor)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def plugin(tmp_path, disk):
    plugin = JournalPlugin(Journal.open(tmp_path, sync=disk), linger_s=0.02)
    yield plugin
    disk.failure = None
    plugin.guard_shutdown()


def names(path):
    return [entry.record.decision_id[-2:] for entry in read(path)]


async def waiting(receipt):
    await receipt


def test_a_receipt_waited_for_is_durable(tmp_path, plugin, disk, decision):
    receipt = plugin.decision_made(decision(1))
    assert names(tmp_path) == []

    receipt.wait()

    assert names(tmp_path) == ["01"]
    receipt.wait()
    assert disk.calls == 1


async def test_all_who_wait_in_one_iteration_share_one_sync(tmp_path, plugin, disk, decision):
    async def decide(number):
        await plugin.decision_made(decision(number))
        return len(names(tmp_path))

    seen = await asyncio.gather(*(decide(number) for number in range(50)))

    assert disk.calls == 1
    assert seen == [50] * 50
    await decide(51)
    assert disk.calls == 2


async def test_tasks_that_come_in_different_iterations_commit_separately(plugin, disk, decision):
    async def decide(number):
        for _ in range(3 * number):
            await asyncio.sleep(0)
        await plugin.decision_made(decision(number))

    await asyncio.gather(*(decide(number) for number in range(4)))

    assert disk.calls == 4


async def test_waiting_again_for_what_is_durable_returns_at_once(plugin, disk, decision):
    receipt = plugin.decision_made(decision())
    await receipt
    await receipt
    receipt.wait()

    assert disk.calls == 1


async def test_a_blocking_wait_settles_those_who_wait_in_the_loop(plugin, disk, decision):
    task = asyncio.create_task(waiting(plugin.decision_made(decision(1))))
    await asyncio.sleep(0)
    plugin.decision_made(decision(2)).wait()
    await task

    assert disk.calls == 1


async def test_a_failed_commit_is_told_to_everyone_and_nothing_remains(tmp_path, plugin, disk, decision):
    disk.failure = OSError(errno.ENOSPC, "No space left on device")

    results = await asyncio.gather(
        *(waiting(plugin.decision_made(decision(number))) for number in range(10)), return_exceptions=True
    )

    assert [type(result) for result in results] == [LogUnavailable] * 10
    assert len({id(result) for result in results}) == 10
    assert all("No space left" in str(result) for result in results)
    assert names(tmp_path) == []
    disk.failure = None
    await plugin.decision_made(decision(11))
    assert names(tmp_path) == ["11"]
    assert verify(tmp_path).ok


def test_a_failed_commit_stays_failed_for_its_receipt(plugin, disk, decision):
    disk.failure = OSError(errno.EIO, "Input/output error")
    receipt = plugin.decision_made(decision(1))
    with pytest.raises(LogUnavailable):
        receipt.wait()
    disk.failure = None
    plugin.decision_made(decision(2)).wait()

    with pytest.raises(LogUnavailable, match="Input/output error"):
        receipt.wait()


async def test_one_who_gives_up_does_not_take_the_others_along(tmp_path, plugin, decision):
    tasks = [asyncio.create_task(waiting(plugin.decision_made(decision(number)))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
    assert names(tmp_path) == ["00", "01", "02"]


def test_an_interrupt_within_a_commit_leaves_nobody_believing_in_it(tmp_path, plugin, disk, decision):
    disk.failure = KeyboardInterrupt()
    first, second = plugin.decision_made(decision(1)), plugin.decision_made(decision(2))
    with pytest.raises(KeyboardInterrupt):
        first.wait()
    disk.failure = None

    with pytest.raises(LogUnavailable, match="interrupted"):
        second.wait()
    assert names(tmp_path) == []


async def test_other_records_ride_along_in_their_order(tmp_path, plugin, disk, decision, completion):
    plugin.record_made(completion(91))
    await plugin.decision_made(decision(1))
    plugin.record_made(completion(92))
    await plugin.decision_made(decision(2))

    assert names(tmp_path) == ["91", "01", "92", "02"]
    assert disk.calls == 2


async def test_other_records_do_not_linger_while_a_loop_runs(tmp_path, plugin, disk, completion):
    for number in (91, 92):
        plugin.record_made(completion(number))
    assert names(tmp_path) == []

    await asyncio.sleep(0.04)  # its timer is due after the plugin's

    assert names(tmp_path) == ["91", "92"]
    assert disk.calls == 1
    plugin.record_made(completion(93))
    await asyncio.sleep(0.04)
    assert disk.calls == 2


def test_other_records_are_bounded_without_a_loop(tmp_path, plugin, disk, completion):
    for number in range(1_000):
        plugin.record_made(completion(number))

    assert disk.calls == 1
    assert len(names(tmp_path)) == 1_000


def test_a_loop_that_ended_before_its_commit_keeps_nothing_from_the_next(tmp_path, plugin, decision, completion):
    def end():
        raise SystemExit

    async def begin():
        asyncio.get_running_loop().call_soon(end)
        plugin.record_made(completion(91))
        plugin.decision_made(decision(1)).__await__().send(None)

    loop = asyncio.new_event_loop()
    with pytest.raises(SystemExit):
        loop.run_until_complete(begin())
    loop.close()
    assert names(tmp_path) == []

    async def go_on():
        plugin.record_made(completion(92))
        await asyncio.sleep(0.04)
        assert names(tmp_path) == ["91", "01", "92"]

    asyncio.run(go_on())


def test_a_receipt_of_a_loop_that_ended_is_honoured_in_the_next(tmp_path, plugin, decision):
    def end():
        raise SystemExit

    async def begin():
        asyncio.get_running_loop().call_soon(end)
        waiter = plugin.decision_made(decision(1)).__await__().send(None)
        waiter.add_done_callback(print)  # waking it in a closed loop fails; the next waiter is woken all the same

    loop = asyncio.new_event_loop()
    with pytest.raises(SystemExit):
        loop.run_until_complete(begin())
    loop.close()

    asyncio.run(asyncio.wait_for(waiting(plugin.decision_made(decision(2))), 5))

    assert names(tmp_path) == ["01", "02"]


async def test_shutdown_flushes_and_closes_without_anything_to_await(tmp_path, disk, decision, completion):
    plugin = JournalPlugin(Journal.open(tmp_path, sync=disk))
    task = asyncio.create_task(waiting(plugin.decision_made(decision(1))))
    await asyncio.sleep(0)
    plugin.record_made(completion(91))

    assert plugin.guard_shutdown() is None

    assert names(tmp_path) == ["01", "91"]
    await task
    with pytest.raises(LogUnavailable, match="closed"):
        plugin.decision_made(decision(2))
    with pytest.raises(LogUnavailable, match="closed"):
        plugin.record_made(completion(92))
    plugin.guard_shutdown()
    Journal.open(tmp_path).close()


def test_a_shutdown_that_cannot_flush_says_so_and_lets_go(tmp_path, disk, completion):
    plugin = JournalPlugin(Journal.open(tmp_path, sync=disk))
    plugin.record_made(completion(1))
    disk.failure = OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(LogUnavailable, match="No space left"):
        plugin.guard_shutdown()

    with Journal.open(tmp_path) as journal:
        assert journal.head.seq == 0


async def test_the_plugin_fits_the_hooks(tmp_path, disk, decision, completion):
    hooks = Hooks([JournalPlugin(Journal.open(tmp_path, sync=disk))])

    for receipt in hooks.decided(decision(1)):
        await receipt
    hooks.recorded(completion(91))

    assert disk.calls == 1
    assert hooks.shutdown() == []
    assert names(tmp_path) == ["01", "91"]


def test_whoever_watches_is_told_of_commits_and_of_failures(plugin, disk, decision):
    told = []
    plugin.watch(lambda records, elapsed_s, *, failed: told.append((records, elapsed_s > 0, failed)))
    plugin.decision_made(decision(1))
    plugin.decision_made(decision(2)).wait()
    disk.failure = OSError(errno.EIO, "Input/output error")
    with pytest.raises(LogUnavailable):
        plugin.decision_made(decision(3)).wait()
    assert told == [(2, True, False), (1, True, True)]


async def test_a_head_that_nothing_follows_is_signed_after_a_while(tmp_path, disk, decision, signing_key):
    plugin = JournalPlugin(Journal.open(tmp_path, sync=disk, signing_key=signing_key), seal_every_s=0.02)
    for number in (1, 2):
        await plugin.decision_made(decision(number))
    assert verify(tmp_path).seals == 0

    await asyncio.sleep(0.04)

    assert verify(tmp_path).signed.seq == 2
    plugin.guard_shutdown()
    assert verify(tmp_path).seals == 1


async def test_a_disk_that_takes_no_signature_denies_nobody_by_that(tmp_path, disk, decision, signing_key):
    plugin = JournalPlugin(Journal.open(tmp_path, sync=disk, signing_key=signing_key), seal_every_s=0.02)
    await plugin.decision_made(decision(1))
    disk.failure = OSError(errno.ENOSPC, "No space left on device")
    await asyncio.sleep(0.04)
    disk.failure = None

    await plugin.decision_made(decision(2))
    plugin.guard_shutdown()
    assert verify(tmp_path).signed.seq == 2


async def test_who_is_told_is_told_after_the_one_commit(tmp_path, plugin, disk, decision):
    told = []

    def then(number):
        return lambda failure: told.append((number, failure, len(names(tmp_path))))

    for number in range(3):
        plugin.decision_made(decision(number)).when_settled(then(number))
    assert told == []
    await asyncio.sleep(0)

    assert told == [(0, None, 3), (1, None, 3), (2, None, 3)]
    assert disk.calls == 1
    receipt = plugin.decision_made(decision(4))
    receipt.wait()
    receipt.when_settled(then(4))
    assert told[-1] == (4, None, 4)


async def test_who_is_told_learns_of_a_failed_commit(plugin, disk, decision):
    disk.failure = OSError(errno.ENOSPC, "No space left on device")
    told = []
    plugin.decision_made(decision(1)).when_settled(told.append)
    await asyncio.sleep(0)

    assert [type(failure) for failure in told] == [LogUnavailable]


async def test_one_who_fails_when_told_keeps_nobody_waiting_and_shows_no_literal(plugin, decision):
    told, reported = [], []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

    def fails(failure):
        raise ValueError("secret literal")

    plugin.decision_made(decision(1)).when_settled(fails)
    plugin.decision_made(decision(2)).when_settled(told.append)
    await asyncio.sleep(0)

    assert told == [None]
    assert reported == [{"message": "telling of a commit failed: ValueError"}]


@pytest.fixture
async def slow_disk(plugin, disk, decision, monkeypatch):
    """A disk that takes 10 ms for each commit, by a clock that nothing else moves, and has just taken them."""
    monkeypatch.setattr(time, "perf_counter", lambda: disk.now_s)
    disk.takes_s = 0.010
    await plugin.decision_made(decision(0))
    disk.calls = 0
    return disk


async def test_a_dear_commit_waits_while_each_turn_brings_more(tmp_path, plugin, slow_disk, decision):
    async def decide(number):
        for _ in range(number):
            await asyncio.sleep(0)
        await plugin.decision_made(decision(number))

    await asyncio.gather(*(decide(number) for number in range(1, 6)))

    assert slow_disk.calls == 1
    assert names(tmp_path) == ["00", "01", "02", "03", "04", "05"]


async def test_a_dear_commit_does_not_wait_for_nobody(plugin, slow_disk, decision):
    told = []
    plugin.decision_made(decision(1)).when_settled(told.append)
    await asyncio.sleep(0)
    assert told == []
    await asyncio.sleep(0)
    assert told == [None]


async def test_nobody_waits_longer_for_others_than_the_last_commit_took(plugin, slow_disk, decision):
    told = []
    for number in range(1, 30):
        plugin.decision_made(decision(number)).when_settled(lambda failure, number=number: told.append(number))
        if told:
            break
        await asyncio.sleep(0)
        slow_disk.now_s += 0.003

    assert told == [1, 2, 3, 4, 5]  # looked at after 0, 3, 6, 9 and 12 ms
    assert slow_disk.calls == 1
    plugin.decision_made(decision(30)).wait()


async def test_a_blocking_wait_ends_the_gathering(plugin, slow_disk, decision):
    told = []
    plugin.decision_made(decision(1)).when_settled(told.append)
    await asyncio.sleep(0)
    plugin.decision_made(decision(2)).wait()
    assert told == [None]
    assert slow_disk.calls == 1

    await plugin.decision_made(decision(3))
    assert slow_disk.calls == 2
