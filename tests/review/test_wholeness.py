"""What is known of a log without reading it: never that it is whole when a byte of it may have changed."""

from __future__ import annotations

import os

import pytest

from readonly_guard.review import BrokenLog, Desk, watch

from .conftest import MANAGER, MONTH, UNIT


@pytest.fixture
def large(desk, monkeypatch) -> Desk:
    """Every log counts as large."""
    monkeypatch.setattr(watch, "_SMALL_BYTES", 0)
    return desk


def _segment(desk):
    return min((desk.directory / "journal").glob("journal-*.jsonl"))


def test_a_small_log_is_read_and_a_large_one_is_not(large):
    assert large.log.glance() is None
    large.log.verify()
    glance = large.log.glance()
    assert (glance.is_current, [chain.ok for chain in glance.chains]) == (True, [True])


def test_after_a_change_it_is_not_known_to_be_whole(large):
    large.log.verify()
    segment = _segment(large)
    before = segment.stat()
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    os.utime(
        segment, ns=(before.st_atime_ns, before.st_mtime_ns)
    )  # as who hides it; the inode's own time cannot be set
    assert large.log.glance().is_current is False
    with pytest.raises(BrokenLog):
        large.log.verify()
    assert large.log.glance() is None  # what was found broken is not remembered as whole


def test_a_small_log_that_was_changed_is_found_broken_by_a_glance(desk):
    assert desk.log.glance().is_current
    segment = _segment(desk)
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    with pytest.raises(BrokenLog):
        desk.log.glance()


def test_signing_reads_all_of_it_whatever_a_glance_says(answered, monkeypatch):
    monkeypatch.setattr(watch, "_SMALL_BYTES", 0)
    answered.log.verify()
    segment = _segment(answered)
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    with pytest.raises(BrokenLog):
        answered.sign(MANAGER, MONTH, UNIT)
    assert answered.ledger.history().protocols == {}
