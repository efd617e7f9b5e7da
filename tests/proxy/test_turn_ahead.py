"""A turn that comes whole is decided once; whatever differs from it, message by message."""

from __future__ import annotations

from collections import deque

import pytest

from readonly_guard_proxy.session.turn_ahead import values_ahead
from readonly_guard_proxy.wire.framing import FrameReader
from readonly_guard_proxy.wire.messages import FRONTEND_KINDS


def waiting(*messages: bytes) -> deque:
    return deque(FrameReader(kinds=FRONTEND_KINDS, limit=10_000).feed(b"".join(messages)))


def describe(pg, kind: str = "P", name: str = "") -> bytes:
    return pg.frame(b"D", f"{kind}{name}\0".encode())


def test_the_values_of_a_whole_turn(pg) -> None:
    parse, bind = pg.parse("select 1"), pg.bind()
    values = bind[len(b"B....") + len(b"\0\0") :]
    assert values_ahead(waiting(parse, bind, pg.execute(), pg.SYNC)) == values
    assert values_ahead(waiting(parse, bind, describe(pg), pg.execute(), pg.SYNC)) == values
    assert values_ahead(waiting(parse, bind, pg.execute(), pg.SYNC, pg.SYNC, pg.query("select 2"))) == values


@pytest.mark.parametrize(
    "rest",
    [
        lambda pg: [],
        lambda pg: [pg.SYNC],
        lambda pg: [pg.bind()],
        lambda pg: [pg.bind(), pg.execute()],  # what follows may be another Execute, or take a Flush
        lambda pg: [pg.bind(), pg.execute(), pg.execute(), pg.SYNC],
        lambda pg: [pg.bind(), pg.execute(), pg.query("select 2"), pg.SYNC],
        lambda pg: [pg.bind(), pg.SYNC],
        lambda pg: [pg.bind("s"), pg.execute(), pg.SYNC],
        lambda pg: [pg.bind("", "p"), pg.execute("p"), pg.SYNC],
        lambda pg: [pg.bind(), pg.execute("p"), pg.SYNC],
        lambda pg: [pg.bind("", "p"), pg.execute(), pg.SYNC],
        lambda pg: [pg.bind(), describe(pg, "S"), pg.execute(), pg.SYNC],
        lambda pg: [pg.bind(), describe(pg, "P", "p"), pg.execute(), pg.SYNC],
        lambda pg: [describe(pg, "S"), pg.bind(), pg.execute(), pg.SYNC],
        lambda pg: [pg.bind(), describe(pg), describe(pg), pg.execute(), pg.SYNC],
        lambda pg: [pg.frame(b"B", b"\0"), pg.execute(), pg.SYNC],  # cut short
        lambda pg: [pg.bind(), pg.frame(b"E", b"\0"), pg.SYNC],
        lambda pg: [pg.bind(), pg.frame(b"D", b"X\0"), pg.execute(), pg.SYNC],
    ],
)
def test_what_is_no_whole_turn_has_none(pg, rest) -> None:
    assert values_ahead(waiting(pg.parse("select 1"), *rest(pg))) is None
