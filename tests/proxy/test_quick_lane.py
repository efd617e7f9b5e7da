"""The quick lane makes no difference: whatever happens, the session says and does what it would without."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard.domain import Decision, Effect, Reason, Verdict, core_reason
from readonly_guard_proxy.session import commands, events
from readonly_guard_proxy.session.authentication import Handshake
from readonly_guard_proxy.session.machine import Phase, SessionMachine
from readonly_guard_proxy.session.quick_lane import Turn
from readonly_guard_proxy.wire.framing import FrameReader
from readonly_guard_proxy.wire.messages import FRONTEND_KINDS, BackendKey, query_text, read_parse
from tests.proxy.conftest import Pg, analysis_of, frame

GREETING = b"".join((
    frame(b"R", bytes(4)),
    frame(b"S", b"client_encoding\0UTF8\0"),
    frame(b"S", b"standard_conforming_strings\0on\0"),
    frame(b"K", struct.pack("!I", 7) + b"abcd"),
    frame(b"Z", b"I"),
))  # fmt: skip
POISON = b"readonly_guard_denied"
ROW, COLUMNS = frame(b"D", bytes(6)), frame(b"T", bytes(2))
ERROR = frame(b"E", b"SERROR\0VERROR\0C22012\0Mdivision\0\0")
REFUSED = frame(b"E", b"SERROR\0VERROR\0C42601\0Msyntax error\0\0")
TAGS = {"begin": "BEGIN", "commit": "COMMIT", "discard all": "DISCARD ALL", "set client_encoding to utf8": "SET"}


def is_plain(text: str) -> bool:
    return "delete" not in text and all(
        reading.effects <= {Effect.READ, Effect.TRANSACTION} and not reading.settings
        for reading in analysis_of(text).readings
    )


def can_be(turn: Turn) -> bool:
    """As `Clearance` asks it."""
    moves = any(Effect.TRANSACTION in reading.effects for reading in analysis_of(turn.text).readings)
    return turn.can_be({each.code for each in warnings_of(turn.text)}, moves=moves)


def warnings_of(text: str) -> tuple[Reason, ...]:
    return tuple(core_reason(code) for code in ("RG-T04", "RG-T06") if code in text)


class Driven:
    """A machine of which everything is carried out at once, with the quick lane or without it."""

    def __init__(self, *, is_quick: bool) -> None:
        self.is_quick = is_quick
        self.machine = SessionMachine(
            user="u",
            handshake=Handshake(version=3 << 16, is_private=True),
            cancel_key=BackendKey(1, b"wxyz"),
            message_bytes=300,
        )
        self.to_server = self.to_client = b""
        self.told: list[object] = []
        self.turns = self.settled = 0
        self.turn = None  # the last that was sent as one
        self.happened(events.ServerData(GREETING))
        self.to_client = b""
        self.told.clear()

    def client(self, data: bytes) -> None:
        turn = self.machine.offer(data) if self.is_quick else None
        if turn is None or not is_plain(turn.text) or not can_be(turn):
            self.happened(events.ClientData(data))
            return
        self.turns += 1
        self.machine.release(turn)
        self.turn = turn
        values = None if turn.parameters is None else turn.parameters.texts(1, is_array=False)
        self.told.append(("decide", turn.token, turn.phase, turn.text, values))
        self.to_server += data

    def server(self, data: bytes) -> None:
        turn, reply = self.turn, self.machine.settle(data)
        if turn is None or reply is None:
            self.happened(events.ServerData(data))
            return
        self.settled += 1
        self.to_client += data
        self.told.append(("completed", turn.token, reply.rows, reply.bytes_sent, ""))

    def happened(self, event: events.Event) -> None:
        for command in self.machine.handle(event):
            match command:
                case commands.ToServer(data=data):
                    self.to_server += data
                case commands.ToClient(data=data):
                    self.to_client += data
                case commands.Decide(token=token, phase=phase, text=text, parameters=parameters):
                    values = None if parameters is None else parameters.texts(1, is_array=False)
                    self.told.append(("decide", token, phase, text, values))
                    self.decide(token, text)
                case commands.Refuse(token=token, phase=phase, code=code):
                    self.told.append(("refuse", token, phase, code))
                    self.decide(token, "delete")
                case commands.Completed(token=token, rows=rows, bytes_sent=sent, sqlstate=sqlstate):
                    self.told.append(("completed", token, rows, sent, sqlstate))
                case _:
                    self.told.append(type(command).__name__)

    def decide(self, token: int, text: str) -> None:
        is_denied = "delete" in text
        decision = Decision(
            decision_id=f"d-{token}",
            verdict=Verdict.DENY if is_denied else Verdict.ALLOW,
            analysis=analysis_of(text),
            action="read",
            reasons=(core_reason("RG-W02", "x"),) if is_denied else (),
            warnings=() if is_denied else warnings_of(text),
        )
        self.happened(events.Decided(token=token, language="en", decision=decision))

    @property
    def state(self) -> tuple[object, ...]:
        """All that can be seen from outside."""
        return self.to_server, self.to_client, self.told, self.machine.phase, self.machine.waiting[0]


class Server:
    """As much of a server as gives each message its reply."""

    def __init__(self) -> None:
        self.reader = FrameReader(kinds=FRONTEND_KINDS, limit=10**6)
        self.texts: dict[bytes, str] = {}
        self.status, self.skips = b"I", False
        self.seen = 0

    def answer(self, to_server: bytes, *, fails: bool) -> bytes:
        """What it says to what has come since the last time."""
        data, self.seen = to_server[self.seen :], len(to_server)
        said = b""
        for message in self.reader.feed(data):
            kind = chr(message.kind)
            if kind == "Q":
                text = query_text(message)
                said += self.run(text, fails=fails, is_query=True) + frame(b"Z", self.status)
                self.skips = False
            elif kind == "S":
                self.skips = False
                said += frame(b"Z", self.status)
            elif not self.skips:
                said += self.extended(kind, message, fails=fails)
        return said

    def extended(self, kind: str, message, *, fails: bool) -> bytes:
        if kind == "P":
            text = read_parse(message).text
            self.skips = POISON in text
            return REFUSED if self.skips else frame(b"1")
        if kind == "E":
            said = self.run(b"select 1", fails=fails, is_query=False)
            self.skips = said == ERROR
            return said
        if kind == "D":
            return COLUMNS if message.body[:1] == b"P" else frame(b"t", b"\0\1\0\0\0\x17") + COLUMNS
        return {"B": frame(b"2"), "C": frame(b"3")}.get(kind, b"")

    def run(self, text: bytes, *, fails: bool, is_query: bool) -> bytes:
        if POISON in text or fails:
            self.status = b"E" if self.status != b"I" else b"I"
            return REFUSED if POISON in text else ERROR
        if not text:
            return frame(b"I")
        tag = TAGS.get(text.decode())
        if tag is not None:
            self.status = {"BEGIN": b"T", "COMMIT": b"I"}.get(tag, self.status)
            return frame(b"C", tag.encode() + b"\0")
        return (COLUMNS if is_query else b"") + ROW + ROW + frame(b"C", b"SELECT 2\0")


def bound(name: str, number: int) -> bytes:
    text = str(number).encode()
    return frame(
        b"B", b"\0" + name.encode() + b"\0" + struct.pack("!hhi", 0, 1, len(text)) + text + struct.pack("!h", 0)
    )


WARNED = ["select 'RG-T04'", "select $1, 'RG-T06'", "select 'RG-T04', 'RG-T06'", "delete from t where i = 'RG-T04'"]
texts = st.sampled_from(
    ["select 1", "select $1", "select 'å'", "", "select 1; select 2", "delete from t", *WARNED, *TAGS]
)
numbers = st.integers(0, 99)
turns = st.one_of(
    texts.map(Pg.query),
    st.builds(lambda n: bound("s1", n) + Pg.describe("P") + Pg.execute() + Pg.SYNC, numbers),
    st.builds(lambda n: bound("s1", n) + Pg.execute() + Pg.SYNC, numbers),
    st.builds(lambda t, n: Pg.parse(t) + bound("", n) + Pg.describe("P") + Pg.execute() + Pg.SYNC, texts, numbers),
    st.builds(lambda t, n: Pg.parse(t) + bound("", n) + Pg.execute() + Pg.SYNC, texts, numbers),
    st.builds(lambda n: bound("", n) + Pg.execute() + Pg.SYNC, numbers),
)
odd = st.sampled_from([
    Pg.parse("select $1", "s1") + Pg.SYNC, Pg.parse("delete from t", "s1") + Pg.SYNC, Pg.close("S", "s1") + Pg.SYNC,
    Pg.parse("select 1") + Pg.describe("S") + Pg.SYNC, Pg.bind("s1", "p1") + Pg.FLUSH, Pg.execute("p1") + Pg.SYNC,
    Pg.execute() + Pg.SYNC, Pg.SYNC, Pg.FLUSH, Pg.query("x" * 400), frame(b"d", b"x"), Pg.execute(),
])  # fmt: skip
asynchronous = st.sampled_from([frame(b"N", b"SNOTICE\0\0"), frame(b"S", b"a\0b\0"), frame(b"A", bytes(6))])
steps = st.lists(
    st.one_of(
        turns.map(lambda data: ("client", data)),
        turns.map(lambda data: ("exchange", data)),
        turns.map(lambda data: ("exchange", data)),
        odd.map(lambda data: ("client", data)),
        st.tuples(turns, st.integers(1, 12)).map(lambda cut: ("client", cut[0][: cut[1]], cut[0][cut[1] :])),
        st.just(("serve", False, 0)),
        st.just(("serve", False, 0)),
        st.builds(lambda fails, cut: ("serve", fails, cut), st.booleans(), st.integers(0, 60)),
        asynchronous.map(lambda data: ("server", data)),
        st.sampled_from([("happened", events.DrainRequested()), ("happened", events.ServerLost())]),
    ),
    max_size=14,
)


def play(story: list[tuple]) -> tuple[Driven, Driven]:
    quick, slow, server = Driven(is_quick=True), Driven(is_quick=False), Server()
    for what, *rest in [("exchange", Pg.parse("select $1", "s1") + Pg.SYNC), *story]:
        for driven in (quick, slow):
            match what:
                case "client" | "exchange":
                    for piece in rest:
                        driven.client(piece)
                case "server":
                    driven.server(rest[0])
                case "happened":
                    driven.happened(rest[0])
        if what in {"serve", "exchange"}:
            fails, cut = rest if what == "serve" else (False, 0)
            said = server.answer(slow.to_server, fails=fails)
            for piece in (said[:cut], said[cut:]):
                if piece:
                    quick.server(piece)
                    slow.server(piece)
        assert quick.state == slow.state, what
    return quick, slow


@given(steps)
def test_it_makes_no_difference(story) -> None:
    play(story)


def test_it_is_taken_and_settled_where_it_can_be() -> None:
    prepared = bound("s1", 7) + Pg.describe("P") + Pg.execute() + Pg.SYNC
    parsed = Pg.parse("select $1") + bound("", 7) + Pg.describe("P") + Pg.execute() + Pg.SYNC
    begin, commit = Pg.query("begin"), Pg.query("commit")
    quick, slow = play(
        [("exchange", each) for each in (prepared, parsed, parsed, Pg.query("select 1"), begin, prepared, commit)]
    )
    assert (quick.turns, quick.settled) == (7, 7)
    assert (slow.turns, slow.settled) == (0, 0)


def test_a_transaction_is_taken_unless_its_end_may_undo_an_encoding() -> None:
    begin, read, commit = Pg.query("begin"), Pg.query("select 1"), Pg.query("commit")
    quick, _ = play([("exchange", each) for each in (begin, read, commit)])
    assert quick.settled == 3
    touched = Pg.query("set client_encoding to utf8")
    for ends in ([commit], [commit, Pg.query("select 'å'")]):
        quick, slow = play([("exchange", each) for each in (begin, touched, read)] + [("client", b"".join(ends))])
        assert quick.turns == 2
        for driven in (quick, slow):
            driven.client(Pg.query("select 'å'"))  # behind it, before its reply: in which encoding is not known
        assert quick.state == slow.state
        assert not any(told[0] == "decide" and "å" in str(told[3]) for told in quick.told)


def test_what_warns_is_taken_once_all_of_it_was_told() -> None:
    one, both = Pg.query(WARNED[0]), Pg.query(WARNED[2])
    parsed = Pg.parse(WARNED[0]) + bound("", 7) + Pg.execute() + Pg.SYNC
    taken = []
    for story in ([one], [one, one], [one, parsed], [parsed, one], [one, both], [one, both, both], [both, one]):
        quick, _ = play([("exchange", each) for each in story])
        taken.append(quick.turns)
        assert quick.to_client.count(b"C01000") == (2 if both in story else 1)
    assert taken == [0, 1, 1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    "before",
    [
        Pg.query("select 1"),  # something is under way
        Pg.execute(),  # no Sync has ended the implicit transaction
        Pg.query("set client_encoding to utf8"),
        b"Q\0\0",
    ],
)
def test_it_is_not_offered_while_anything_else_is_under_way(before) -> None:
    driven = Driven(is_quick=False)
    driven.client(before)
    assert driven.machine.offer(Pg.query("select 1")) is None


def test_it_is_not_offered_to_who_is_not_let_in_nor_after_the_end() -> None:
    machine = SessionMachine(
        user="u",
        handshake=Handshake(version=3 << 16, is_private=True),
        cancel_key=BackendKey(1, b"wxyz"),
        message_bytes=300,
    )
    assert machine.offer(Pg.query("select 1")) is None
    driven = Driven(is_quick=False)
    driven.happened(events.ClientLost())
    assert driven.machine.phase is Phase.CLOSED
    assert driven.machine.offer(Pg.query("select 1")) is None


def test_a_message_beyond_the_limit_is_no_turn() -> None:
    assert Driven(is_quick=False).machine.offer(Pg.query("select '" + "x" * 300 + "'")) is None


def test_each_turn_that_waits_waits_for_something_else() -> None:
    quick, seen = Driven(is_quick=True), set()
    for _ in range(3):
        seen.add(quick.machine.offer(Pg.query("select 1")).number)
        quick.client(Pg.query("select 1"))
        seen.add(quick.machine.waiting[1])
        quick.server(COLUMNS + ROW + frame(b"C", b"SELECT 1\0") + frame(b"Z", b"I"))
    assert len(seen) == 6


def test_an_encoding_that_has_changed_makes_another_text_of_the_same_parse() -> None:
    quick, slow = Driven(is_quick=True), Driven(is_quick=False)
    turn = Pg.parse("select 'å'") + bound("", 7) + Pg.execute() + Pg.SYNC
    reply = frame(b"1") + frame(b"2") + ROW + frame(b"C", b"SELECT 1\0") + frame(b"Z", b"I")
    for driven in (quick, slow):
        driven.client(turn)
        driven.server(reply)
        driven.client(Pg.query("set client_encoding to utf8"))
        driven.server(frame(b"S", b"client_encoding\0LATIN1\0") + frame(b"C", b"SET\0") + frame(b"Z", b"I"))
        driven.client(turn)
    assert quick.state == slow.state
    assert quick.told[-1][3] == "select 'Ã¥'"


def test_types_that_were_told_since_are_not_those_of_the_next_parse() -> None:
    quick, slow = Driven(is_quick=True), Driven(is_quick=False)
    turn = Pg.parse("select $1") + bound("", 7) + Pg.execute() + Pg.SYNC
    reply = frame(b"1") + frame(b"2") + ROW + frame(b"C", b"SELECT 1\0") + frame(b"Z", b"I")
    binary = Pg.parse("select $1") + frame(b"B", b"\0\0" + struct.pack("!hhhi", 1, 1, 1, 4) + bytes(4) + bytes(2))
    for driven in (quick, slow):
        driven.client(turn)
        driven.server(reply)
        driven.client(Pg.describe("S") + Pg.SYNC)
        driven.server(frame(b"t", b"\0\1\0\0\0\x17") + COLUMNS + frame(b"Z", b"I"))
        driven.client(binary + Pg.execute() + Pg.SYNC)
    assert quick.state == slow.state
    assert quick.told[-1][4] is None  # four bytes of a type that nobody has told
