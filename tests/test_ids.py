"""Ids of decisions are random UUIDs, never given twice, in a forked process neither."""

from __future__ import annotations

import os
import uuid

from readonly_guard.ids import new_id


def test_an_id_is_a_random_uuid_as_rfc_9562_has_it():
    ids = [new_id() for _ in range(2_000)]
    assert len(set(ids)) == 2_000
    for one in ids:
        read = uuid.UUID(one)
        assert (str(read), read.version, read.variant) == (one, 4, uuid.RFC_4122)
    # every free digit takes every value
    assert all(len({one[at] for one in ids}) == 16 for at in (0, 7, 9, 15, 20, 35))
    assert {one[19] for one in ids} == set("89ab")


def test_a_forked_process_gives_other_ids():
    new_id()  # there are some drawn already
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 36).decode()
    os.close(reading)
    os.close(writing)
    assert theirs not in {new_id() for _ in range(300)}
