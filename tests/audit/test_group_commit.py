import asyncio
import errno
import time

import pytest

from readonly_guard.audit import Journal, read, verify
from readonly_guard.audit.group_commit import GroupCommit
from readonly_guard.errors import LogUnavailable


@pytest.fixture
def commits(tmp_path, disk):
    commits = GroupCommit(Journal.open(tmp_path, sync=disk), linger_s=0.02, seal_every_s=60.0)
    yield commits
    disk.failures.clear()
    commits.close()


def names(path):
    return [entry.record.decision_id[-2:] for entry in read(path)]


async def waiting(receipt):
    await receipt


def test_a_receipt_waited_for_is_durable(tmp_path, commits, disk, decision):
    receipt = commits.put(decision(1))
    assert names(tmp_path) == []

    receipt.wait()

    assert names(tmp_path) == ["01"]
    receipt.wait()
    assert disk.calls == 1


async def test_all_who_wait_in_one_iteration_share_one_sync(tmp_path, commits, disk, decision):
    async def decide(number):
        await commits.put(decision(number))
        return len(names(tmp_path))

    seen = await asyncio.gather(*(decide(number) for number in range(50)))

    assert disk.calls == 1
    assert seen == [50] * 50
    await decide(51)
    assert disk.calls == 2


async def test_tasks_that_come_in_different_iterations_commit_separately(commits, disk, decision):
    async def decide(number):
        for _ in range(3 * number):
            await asyncio.sleep(0)
        await commits.put(decision(number))

    await asyncio.gather(*(decide(number) for number in range(4)))

    assert disk.calls == 4


async def test_waiting_again_for_what_is_durable_returns_at_once(commits, disk, decision):
    receipt = commits.put(decision())
    await receipt
    await receipt
    receipt.wait()

    assert disk.calls == 1


async def test_a_blocking_wait_settles_those_who_wait_in_the_loop(commits, disk, decision):
    task = asyncio.create_task(waiting(commits.put(decision(1))))
    await asyncio.sleep(0)
    commits.put(decision(2)).wait()
    await task

    assert disk.calls == 1


async def test_a_failed_commit_is_told_to_everyone_and_nothing_remains(tmp_path, commits, disk, decision):
    disk.failures.append(OSError(errno.ENOSPC, "No space left on device"))

    results = await asyncio.gather(
        *(waiting(commits.put(decision(number))) for number in range(10)), return_exceptions=True
    )

    assert [type(result) for result in results] == [LogUnavailable] * 10
    assert len({id(result) for result in results}) == 10
    assert all("No space left" in str(result) for result in results)
    assert names(tmp_path) == []
    disk.failures.clear()
    await commits.put(decision(11))
    assert names(tmp_path) == ["11"]
    assert verify(tmp_path).ok


def test_a_failed_commit_stays_failed_for_its_receipt(commits, disk, decision):
    disk.failures.append(OSError(errno.EIO, "Input/output error"))
    receipt = commits.put(decision(1))
    with pytest.raises(LogUnavailable):
        receipt.wait()
    disk.failures.clear()
    commits.put(decision(2)).wait()

    with pytest.raises(LogUnavailable, match="Input/output error"):
        receipt.wait()


async def test_one_who_gives_up_does_not_take_the_others_along(tmp_path, commits, decision):
    tasks = [asyncio.create_task(waiting(commits.put(decision(number)))) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
    assert names(tmp_path) == ["00", "01", "02"]


def test_an_interrupt_within_a_commit_leaves_nobody_believing_in_it(tmp_path, commits, disk, decision):
    disk.failures.append(KeyboardInterrupt())
    first, second = commits.put(decision(1)), commits.put(decision(2))
    with pytest.raises(KeyboardInterrupt):
        first.wait()
    disk.failures.clear()

    with pytest.raises(LogUnavailable, match="interrupted"):
        second.wait()
    assert names(tmp_path) == []


async def test_other_records_ride_along_in_their_order(tmp_path, commits, disk, decision, completion):
    commits.add(completion(91))
    await commits.put(decision(1))
    commits.add(completion(92))
    await commits.put(decision(2))

    assert names(tmp_path) == ["91", "01", "92", "02"]
    assert disk.calls == 2


async def test_other_records_do_not_linger_while_a_loop_runs(tmp_path, commits, disk, completion):
    for number in (91, 92):
        commits.add(completion(number))
    assert names(tmp_path) == []

    await asyncio.sleep(0.04)  # its timer is due after the other

    assert names(tmp_path) == ["91", "92"]
    assert disk.calls == 1
    commits.add(completion(93))
    await asyncio.sleep(0.04)
    assert disk.calls == 2


def test_other_records_are_bounded_without_a_loop(tmp_path, commits, disk, completion):
    for number in range(1_000):
        commits.add(completion(number))

    assert disk.calls == 1
    assert len(names(tmp_path)) == 1_000


async def test_what_rode_with_a_commit_that_failed_is_put_in_again_with_the_next(
    tmp_path, commits, disk, decision, completion
):
    await commits.put(decision(1))
    commits.add(completion(91))
    disk.failures = [OSError(errno.ENOSPC, "full"), OSError(errno.ENOSPC, "full")]
    for number in (2, 3):
        with pytest.raises(LogUnavailable):
            await commits.put(decision(number))
        commits.add(completion(90 + number))
    assert names(tmp_path) == ["01"]
    await commits.put(decision(4))
    await commits.put(decision(5))
    assert sorted(names(tmp_path)) == ["01", "04", "05", "91", "92", "93"]  # once each, and nothing that was denied
    commits.close()
    assert len(names(tmp_path)) == 6


async def test_what_rode_with_a_commit_that_failed_is_put_in_again_where_nothing_follows(
    tmp_path, commits, disk, completion, monkeypatch
):
    monkeypatch.setattr("readonly_guard.audit.group_commit._AGAIN_S", 0.03)
    disk.failures = [OSError(errno.EIO, "gone")] * 3
    commits.add(completion(91))
    async with asyncio.timeout(10):
        while names(tmp_path) != ["91"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not disk.failures
    await asyncio.sleep(0.1)
    assert names(tmp_path) == ["91"]


def test_at_the_end_as_well_and_without_a_loop(tmp_path, commits, disk, decision, completion):
    commits.add(completion(91))
    disk.failures = [OSError(errno.ENOSPC, "full")]
    with pytest.raises(LogUnavailable):
        commits.put(decision(1)).wait()
    commits.close()
    assert names(tmp_path) == ["91"]


async def test_while_the_log_cannot_be_opened_anew_it_is_kept(tmp_path, commits, disk, decision, completion):
    await commits.put(decision(1))
    commits.add(completion(91))
    (segment,) = tmp_path.glob("*.jsonl")
    segment.rename(tmp_path / "aside")
    for _ in range(3):
        with pytest.raises(LogUnavailable, match="gone"):
            await commits.put(decision(2))
    (tmp_path / "aside").rename(segment)
    await commits.put(decision(3))
    commits.close()
    assert names(tmp_path) == ["01", "03", "91"]


async def test_no_more_is_kept_than_may_linger(tmp_path, commits, disk, decision, completion):
    for turn in range(3):
        disk.failures = [OSError(errno.ENOSPC, "full")]
        for number in range(999):
            commits.add(completion(1_000 * turn + number))
        with pytest.raises(LogUnavailable):
            await commits.put(decision(1))
    commits.close()
    assert len(names(tmp_path)) == 1_000


def test_a_loop_that_ended_before_its_commit_keeps_nothing_from_the_next(tmp_path, commits, decision, completion):
    def end():
        raise SystemExit

    async def begin():
        asyncio.get_running_loop().call_soon(end)
        commits.add(completion(91))
        commits.put(decision(1)).__await__().send(None)

    loop = asyncio.new_event_loop()
    with pytest.raises(SystemExit):
        loop.run_until_complete(begin())
    loop.close()
    assert names(tmp_path) == []

    async def go_on():
        commits.add(completion(92))
        await asyncio.sleep(0.04)
        assert names(tmp_path) == ["91", "01", "92"]

    asyncio.run(go_on())


def test_a_receipt_of_a_loop_that_ended_is_honoured_in_the_next(tmp_path, commits, decision):
    def end():
        raise SystemExit

    async def begin():
        asyncio.get_running_loop().call_soon(end)
        waiter = commits.put(decision(1)).__await__().send(None)
        waiter.add_done_callback(print)  # waking it in a closed loop fails; the next waiter is woken all the same

    loop = asyncio.new_event_loop()
    with pytest.raises(SystemExit):
        loop.run_until_complete(begin())
    loop.close()

    asyncio.run(asyncio.wait_for(waiting(commits.put(decision(2))), 5))

    assert names(tmp_path) == ["01", "02"]


def test_whoever_watches_is_told_of_commits_and_of_failures(commits, disk, decision):
    told = []
    commits.watch(lambda records, elapsed_s, *, failed: told.append((records, elapsed_s > 0, failed)))
    commits.put(decision(1))
    commits.put(decision(2)).wait()
    disk.failures.append(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(LogUnavailable):
        commits.put(decision(3)).wait()
    assert told == [(2, True, False), (1, True, True)]


async def test_a_head_that_nothing_follows_is_signed_after_a_while(tmp_path, disk, decision, signing_key):
    commits = GroupCommit(Journal.open(tmp_path, sync=disk, signing_key=signing_key), linger_s=0.02, seal_every_s=0.02)
    for number in (1, 2):
        await commits.put(decision(number))
    assert verify(tmp_path).seals == 0

    await asyncio.sleep(0.04)

    assert verify(tmp_path).signed.seq == 2
    commits.close()
    assert verify(tmp_path).seals == 1


async def test_a_disk_that_takes_no_signature_denies_nobody_by_that(tmp_path, disk, decision, signing_key):
    commits = GroupCommit(Journal.open(tmp_path, sync=disk, signing_key=signing_key), linger_s=0.02, seal_every_s=0.02)
    await commits.put(decision(1))
    disk.failures.extend([OSError(errno.ENOSPC, "No space left on device")] * 9)
    await asyncio.sleep(0.04)
    disk.failures.clear()

    await commits.put(decision(2))
    commits.close()
    assert verify(tmp_path).signed.seq == 2


async def test_who_is_told_is_told_after_the_one_commit(tmp_path, commits, disk, decision):
    told = []

    def then(number):
        return lambda failure: told.append((number, failure, len(names(tmp_path))))

    for number in range(3):
        commits.put(decision(number)).when_settled(then(number))
    assert told == []
    await asyncio.sleep(0)

    assert told == [(0, None, 3), (1, None, 3), (2, None, 3)]
    assert disk.calls == 1
    receipt = commits.put(decision(4))
    receipt.wait()
    receipt.when_settled(then(4))
    assert told[-1] == (4, None, 4)


async def test_who_is_told_learns_of_a_failed_commit(commits, disk, decision):
    disk.failures.append(OSError(errno.ENOSPC, "No space left on device"))
    told = []
    commits.put(decision(1)).when_settled(told.append)
    await asyncio.sleep(0)

    assert [type(failure) for failure in told] == [LogUnavailable]


async def test_one_who_fails_when_told_keeps_nobody_waiting_and_shows_no_literal(commits, decision):
    told, reported = [], []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

    def fails(failure):
        raise ValueError("secret literal")

    commits.put(decision(1)).when_settled(fails)
    commits.put(decision(2)).when_settled(told.append)
    await asyncio.sleep(0)

    assert told == [None]
    assert reported == [{"message": "telling of a commit failed: ValueError"}]


@pytest.fixture
async def slow_disk(commits, disk, decision, monkeypatch):
    """A disk that takes 10 ms for each commit, by a clock that nothing else moves, and has just taken them."""
    monkeypatch.setattr(time, "perf_counter", lambda: disk.now_s)
    disk.takes_s = 0.010
    await commits.put(decision(0))
    disk.calls = 0
    return disk


async def test_a_dear_commit_waits_while_each_turn_brings_more(tmp_path, commits, slow_disk, decision):
    async def decide(number):
        for _ in range(number):
            await asyncio.sleep(0)
        await commits.put(decision(number))

    await asyncio.gather(*(decide(number) for number in range(1, 6)))

    assert slow_disk.calls == 1
    assert names(tmp_path) == ["00", "01", "02", "03", "04", "05"]


async def test_a_dear_commit_does_not_wait_for_nobody(commits, slow_disk, decision):
    told = []
    commits.put(decision(1)).when_settled(told.append)
    await asyncio.sleep(0)
    assert told == []
    await asyncio.sleep(0)
    assert told == [None]


async def test_nobody_waits_longer_for_others_than_the_last_commit_took(commits, slow_disk, decision):
    told = []
    for number in range(1, 30):
        commits.put(decision(number)).when_settled(lambda failure, number=number: told.append(number))
        if told:
            break
        await asyncio.sleep(0)
        slow_disk.now_s += 0.003

    assert told == [1, 2, 3, 4, 5]  # looked at after 0, 3, 6, 9 and 12 ms
    assert slow_disk.calls == 1
    commits.put(decision(30)).wait()


async def test_a_blocking_wait_ends_the_gathering(commits, slow_disk, decision):
    told = []
    commits.put(decision(1)).when_settled(told.append)
    await asyncio.sleep(0)
    commits.put(decision(2)).wait()
    assert told == [None]
    assert slow_disk.calls == 1

    await commits.put(decision(3))
    assert slow_disk.calls == 2


async def test_a_cheap_commit_waits_for_more_where_several_came_in_one_turn(
    tmp_path, commits, disk, decision, monkeypatch
):
    monkeypatch.setattr(time, "perf_counter", lambda: disk.now_s)  # it took no time, and takes none

    async def decide(number):
        for _ in range(number // 4):
            await asyncio.sleep(0)
        await commits.put(decision(number))

    await asyncio.gather(*(decide(number) for number in range(12)))

    assert disk.calls == 1
    assert len(names(tmp_path)) == 12


@pytest.mark.parametrize("sessions", [1, 3])
async def test_few_sessions_wait_for_nobody(commits, disk, decision, monkeypatch, sessions):
    monkeypatch.setattr(time, "perf_counter", lambda: disk.now_s)
    told = []
    for turn in range(1, 4):
        for number in range(sessions):
            commits.put(decision(number)).when_settled(told.append)
        await asyncio.sleep(0)
        assert len(told) == turn * sessions
        assert disk.calls == turn


async def test_nobody_waits_longer_for_a_cheap_commit_than_a_millisecond(commits, disk, decision, monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: disk.now_s)
    told = []
    for number in range(60):
        commits.put(decision(number)).when_settled(told.append)
        if number >= 3:  # four came in the first turn, then one in each
            await asyncio.sleep(0)
            disk.now_s += 0.0003
        if told:
            break

    assert len(told) == 8  # looked at after 0, 0.3, 0.6, 0.9 and 1.2 ms
    assert disk.calls == 1
