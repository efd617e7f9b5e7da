"""Turns: what is taken for one is exactly what the readers of single messages see; all else is left to them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard_proxy.wire.framing import FrameReader, ProtocolViolation
from readonly_guard_proxy.wire.messages import (
    FRONTEND_KINDS,
    execute_portal,
    query_text,
    read_bind,
    read_parse,
    rows_of,
    target,
)
from readonly_guard_proxy.wire.turns import read_reply, read_turn
from tests.proxy.conftest import Pg, frame

TURN = Pg.bind("s1") + Pg.describe("P") + Pg.execute() + Pg.SYNC
PARSED = Pg.parse("select 1") + Pg.bind() + Pg.describe("P") + Pg.execute() + Pg.SYNC
ROW, COLUMNS, BOUND, PARSED_IT = frame(b"D", bytes(6)), frame(b"T", bytes(2)), frame(b"2"), frame(b"1")
DONE, READY, IN_TRANSACTION = frame(b"C", b"SELECT 1\0"), frame(b"Z", b"I"), frame(b"Z", b"T")
SHAPES = ("PBDES", "PBES", "BDES", "BES")


def by_single_messages(data: bytes) -> tuple[object, ...] | None:
    """What the readers of single messages make of bytes that may be a turn."""
    reader = FrameReader(kinds=FRONTEND_KINDS, limit=10**6)
    frames = reader.feed(data)
    try:
        reader.check()
        kinds = "".join(chr(each.kind) for each in frames)
        if sum(len(each.data) for each in frames) != len(data):
            return None
        if kinds == "Q":
            return (query_text(frames[0]),)
        if kinds not in SHAPES:
            return None
        by_kind = {chr(each.kind): each for each in frames}
        bind = read_bind(by_kind["B"])
        if bind.portal or execute_portal(by_kind["E"]) or by_kind["S"].body:
            return None
        if "D" in by_kind and (target(by_kind["D"]).kind, target(by_kind["D"]).name) != (b"P", b""):
            return None
        parse = None
        if "P" in by_kind:
            parse = read_parse(by_kind["P"])
            if parse.name or bind.statement:
                return None
    except ProtocolViolation:
        return None
    return bind.statement, bind.values, "D" in by_kind, None if parse is None else parse.text


def as_a_turn(data: bytes) -> tuple[object, ...] | None:
    """What is read of the same bytes as a turn."""
    turn = read_turn(data)
    if turn is None:
        return None
    assert turn.data == data
    if turn.text is not None:
        return (turn.text,)
    parse = None
    if turn.parse is not None:
        (message,) = FrameReader(kinds=FRONTEND_KINDS, limit=10**6).feed(turn.parse)
        try:
            parse = read_parse(message)
        except ProtocolViolation:
            return None  # as whoever takes the turn finds out
    return turn.statement, turn.values, turn.describes, None if parse is None else parse.text


names = st.sampled_from(["", "", "s1", "a" * 70])
messages = st.one_of(
    st.builds(Pg.query, st.sampled_from(["", "select 1", "select 'å'", b"a\0b"])),
    st.builds(Pg.parse, st.sampled_from(["select 1", "", b"a\0b"]), names),
    st.builds(Pg.bind, names, names),
    st.builds(Pg.describe, st.sampled_from(["P", "S", "X"]), names),
    st.builds(Pg.execute, names, st.sampled_from([0, 7])),
    st.sampled_from([Pg.SYNC, Pg.FLUSH, frame(b"S", b"x"), frame(b"P"), frame(b"B"), frame(b"E"), frame(b"D")]),
)
turns = st.one_of(
    st.builds(Pg.query, st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))),
    st.builds(
        lambda parse, name, values, describe: (
            (Pg.parse(parse) if parse is not None else b"")
            + frame(b"B", b"\0" + (name if parse is None else b"") + b"\0" + values)
            + (Pg.describe("P") if describe else b"")
            + Pg.execute()
            + Pg.SYNC
        ),
        st.none() | st.sampled_from(["select 1", "select $1"]),
        st.sampled_from([b"", b"s1"]),
        st.binary(max_size=20),
        st.booleans(),
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A turn of which a byte is another, or is missing, or is one too many."""
    data = draw(turns)
    at = draw(st.integers(0, len(data) - 1))
    put = draw(st.binary(max_size=2))
    return data[:at] + put + data[at + draw(st.integers(0, 2)) :]


@given(st.one_of(turns, damaged(), st.lists(messages, max_size=6).map(b"".join), st.binary(max_size=40)))
def test_a_turn_is_what_single_messages_say_and_nothing_else_is_one(data) -> None:
    assert as_a_turn(data) == by_single_messages(data)


@given(turns)
def test_what_clients_send_is_a_turn_only_when_it_is_whole(data) -> None:
    assert read_turn(data) is not None
    assert all(read_turn(data[:end]) is None for end in range(len(data)))
    assert read_turn(data + Pg.SYNC) is None


@pytest.mark.parametrize(
    ("request_", "reply", "rows", "bytes_sent", "status"),
    [
        (Pg.query("select 1"), COLUMNS + ROW + DONE + READY, 1, 38, b"I"),
        (Pg.query("select 1"), DONE + IN_TRANSACTION, 1, 20, b"T"),
        (Pg.query(""), frame(b"I") + READY, None, 11, b"I"),
        (Pg.query("select 1; select 2"), COLUMNS + ROW + DONE + COLUMNS + ROW + DONE + READY, 2, 70, b"I"),
        (TURN, BOUND + COLUMNS + ROW + DONE + READY, 1, 25, b"I"),
        (TURN, BOUND + frame(b"n") + DONE + READY, 1, 14, b"I"),
        (PARSED, PARSED_IT + BOUND + COLUMNS + ROW + ROW + DONE + READY, 1, 36, b"I"),
    ],
)
def test_a_whole_reply(request_, reply, rows, bytes_sent, status) -> None:
    turn = read_turn(request_)
    assert turn is not None
    whole = read_reply(reply, turn)
    assert whole is not None
    assert (whole.rows, whole.bytes_sent, whole.status) == (rows, bytes_sent, status)
    assert all(read_reply(reply[:end], turn) is None for end in range(len(reply)))
    assert read_reply(reply + frame(b"N", b"\0"), turn) is None


@given(st.one_of(
    st.builds("{}{}".format, st.sampled_from(["SELECT ", "INSERT 0 ", "COPY ", "SELECT", "", " ", "PREPARE"]), st.integers(-1)),
    st.text("0123456789 S\x00/:", max_size=70),
))  # fmt: skip
def test_rows_are_those_of_the_command_tag(tag) -> None:
    turn = read_turn(TURN)
    assert turn is not None
    whole = read_reply(BOUND + COLUMNS + frame(b"C", tag.encode() + b"\0") + READY, turn)
    rows = None if tag.endswith("\0") else rows_of(tag.encode())
    assert (None if whole is None else whole.rows) == rows


@pytest.mark.parametrize(
    "reply",
    [
        BOUND + COLUMNS + frame(b"E", b"SERROR\0\0") + READY,
        BOUND + COLUMNS + frame(b"N", b"\0") + ROW + DONE + READY,
        BOUND + COLUMNS + ROW + DONE + frame(b"S", b"a\0b\0") + READY,
        BOUND + COLUMNS + ROW + frame(b"s") + READY,
        BOUND + COLUMNS + ROW + DONE + frame(b"Z", b"E"),
        BOUND + COLUMNS + ROW + DONE + frame(b"Z", b"II"),
        BOUND + COLUMNS + ROW + DONE + frame(b"Z"),
        BOUND + COLUMNS + ROW + READY,
        BOUND + COLUMNS + DONE + ROW + READY,
        BOUND + COLUMNS + COLUMNS + DONE + READY,
        BOUND + ROW + DONE + READY,
        COLUMNS + ROW + DONE + READY,
        PARSED_IT + BOUND + COLUMNS + ROW + DONE + READY,
        frame(b"2", b"x") + COLUMNS + ROW + DONE + READY,
        BOUND + COLUMNS + ROW + frame(b"C", b"PREPARE\0") + READY,
        BOUND + COLUMNS + frame(b"G", bytes(3)) + DONE + READY,
        BOUND + COLUMNS + b"D\0\0\0\3" + DONE + READY,
        BOUND + COLUMNS + b"D" + struct.pack("!I", 2**32 - 1) + DONE + READY,
        b"",
    ],
)
def test_what_is_no_whole_reply_is_left_to_the_lanes(reply) -> None:
    turn = read_turn(TURN)
    assert turn is not None
    assert read_reply(reply, turn) is None
