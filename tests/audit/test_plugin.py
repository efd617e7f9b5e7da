import asyncio
import errno

import pytest

from readonly_guard.audit import Journal, JournalPlugin, read
from readonly_guard.errors import LogUnavailable
from readonly_guard.hooks import Hooks


def names(path):
    return [entry.record.decision_id[-2:] for entry in read(path)]


async def waiting(receipt):
    await receipt


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
    disk.failures.append(OSError(errno.ENOSPC, "No space left on device"))

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
