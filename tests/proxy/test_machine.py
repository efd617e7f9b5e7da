"""The session machine, told as transcripts.

A transcript has one step a line. ``>`` is what the client sends, ``<`` what the server sends, ``=`` a decision (``=
allow``, ``= deny CODE``); the lines below a step are what the machine wants done: ``server``, ``client``, ``decide``,
``refuse``, ``completed``, ``opened``, ``finish``, ``abort``. ``poison`` stands for a substitute.
"""

from __future__ import annotations

import struct

import pytest

from readonly_guard.domain import Decision, Verdict, core_reason
from readonly_guard_proxy.session import commands, events
from readonly_guard_proxy.session.authentication import Handshake
from readonly_guard_proxy.session.machine import Phase, SessionMachine
from readonly_guard_proxy.wire.framing import FrameReader
from readonly_guard_proxy.wire.messages import BACKEND_KINDS, FRONTEND_KINDS, BackendKey, error_fields

GIVEN = BackendKey(1, b"wxyz")
POISON = b"readonly_guard_denied"


def frames_of(data: bytes):
    return iter(FrameReader(kinds=BACKEND_KINDS, limit=10**6).feed(data))


def status(name: str, value: str) -> bytes:
    return f"{name}\0{value}\0".encode()


class Stage:
    """A machine and the short notation around it."""

    def __init__(self, pg, analyse, **options) -> None:
        self.pg, self.analyse = pg, analyse
        version, is_private = options.pop("version", 196608), options.pop("is_private", True)
        handshake = Handshake(version=version, is_private=is_private)
        arguments = {"user": "u", "handshake": handshake, "cancel_key": GIVEN, "message_bytes": 10_000, **options}
        self.machine = SessionMachine(**arguments)
        self.token = 0
        self.text = ""

    def ready(self) -> Stage:
        self.play(
            """
            < R0 S:client_encoding=UTF8 S:standard_conforming_strings=on K Z:I
              client R S S K Z
              opened 7
            """
        )
        return self

    def play(self, transcript: str) -> None:
        step, wanted = "", []
        for line in [*(line.strip() for line in transcript.strip().splitlines()), "."]:
            if line[:1] in {">", "<", "=", ".", "!"}:
                if step:
                    assert self.step(step) == wanted, step
                step, wanted = line, []
            elif line:
                wanted.append(line)

    def step(self, line: str) -> list[str]:
        side, _, rest = line.partition(" ")
        match side:
            case ">":
                event = events.ClientData(data=b"".join(self.from_client(word) for word in rest.split(" + ")))
            case "<":
                event = events.ServerData(data=b"".join(self.from_server(word) for word in rest.split(" ")))
            case "=":
                event = self.decision(rest)
            case _:
                event = {
                    "client lost": events.ClientLost(),
                    "server lost": events.ServerLost(),
                    "drain": events.DrainRequested(),
                    "drain now": events.DrainRequested(now=True),
                    "failed": events.Failed(what="no decision"),
                    "cancel delivered": events.CancelDelivered(),
                    "waited to start": events.OutOfPatience(waiting=events.Waiting.STARTUP),
                    "waited for a statement": events.OutOfPatience(waiting=events.Waiting.STATEMENT),
                    "waited idle": events.OutOfPatience(waiting=events.Waiting.IDLE),
                    "waited in a transaction": events.OutOfPatience(waiting=events.Waiting.IDLE_IN_TRANSACTION),
                }[rest]
        return [self.told(command) for command in self.machine.handle(event)]

    def from_client(self, word: str) -> bytes:
        kind, _, rest = word.partition(":")
        pg = self.pg
        match kind:
            case "Q":
                return pg.query(rest)
            case "P":
                name, _, text = rest.rpartition("=")
                return pg.parse(text, name)
            case "B":
                portal, _, statement = rest.partition("=")
                return pg.bind(statement, portal)
            case "E":
                return pg.execute(rest)
            case "C" | "D":
                return pg.frame(kind.encode(), rest.encode() + b"\0")
            case _:
                return pg.frame(kind.encode(), rest.encode())

    def from_server(self, word: str) -> bytes:
        kind, _, rest = word.partition(":")
        match kind[0]:
            case "R":
                return self.pg.frame(b"R", struct.pack("!I", int(kind[1:])) + rest.replace(",", "\0").encode())
            case "S":
                return self.pg.frame(b"S", status(*rest.split("=")))
            case "K":
                return self.pg.frame(b"K", struct.pack("!I", 7) + b"abcd")
            case "Z":
                return self.pg.frame(b"Z", rest.encode())
            case "E":
                severity = "FATAL" if rest.startswith("!") else "ERROR"
                return self.pg.frame(b"E", f"S{severity}\0V{severity}\0C{rest.lstrip('!')}\0Mm\0\0".encode())
            case "t":
                types = [int(oid) for oid in rest.split(",") if oid]
                return self.pg.frame(b"t", struct.pack(f"!H{len(types)}I", len(types), *types))
            case "C":
                return self.pg.frame(b"C", rest.replace("_", " ").encode() + b"\0")
            case letter:
                return self.pg.frame(letter.encode(), rest.encode())

    def decision(self, word: str) -> events.Decided:
        self.token += 1
        denied = word.startswith("deny")
        return events.Decided(
            token=self.token,
            language="sv" if word.endswith("sv") else "en",
            decision=Decision(
                decision_id="d-1; DROP",
                verdict=Verdict.DENY if denied else Verdict.ALLOW,
                analysis=self.analyse(self.text),
                action="read",
                reasons=(core_reason(word.split()[1], "x", position=4),) if denied else (),
                warnings=() if denied else tuple(core_reason(code) for code in word.split()[1:] if code != "sv"),
            ),
        )

    def told(self, command: commands.Command) -> str:
        match command:
            case commands.ToServer(data=data):
                return "server " + " ".join(
                    f"{chr(each.kind)}{'/poison' if POISON in each.data else ''}"
                    for each in FrameReader(kinds=FRONTEND_KINDS, limit=10**6).feed(data)
                )
            case commands.ToClient(data=data):
                words = []
                for each in FrameReader(kinds=BACKEND_KINDS, limit=10**6).feed(data):
                    fields = error_fields(each) if each.kind == ord("E") else {}
                    words.append(
                        chr(each.kind) + (f"({fields['S'].decode()} {fields['C'].decode()})" if fields else "")
                    )
                return "client " + " ".join(words)
            case commands.Decide(phase=phase, text=text, parameters=parameters):
                self.text, self.parameters = text, parameters
                return f"decide {phase} {text}"
            case commands.Refuse(phase=phase, code=code):
                self.text = ""
                return f"refuse {phase} {code}"
            case commands.Completed(token=token, rows=rows, sqlstate=sqlstate):
                return f"completed {token} {rows} {sqlstate}".strip()
            case commands.Opened(key=key):
                return f"opened {key.pid}"
            case commands.CancelStatement(key=key):
                return f"cancel {key.pid} {key.secret.decode()}"
            case commands.Rejected():
                return "rejected"
            case commands.Finish():
                return "finish"
            case commands.Abort():
                return "abort"


@pytest.fixture
def new(pg, analyse):
    return lambda **options: Stage(pg, analyse, **options)


@pytest.fixture
def stage(new) -> Stage:
    return new().ready()


def test_a_query(stage) -> None:
    stage.play(
        """
        > Q:select 1
          decide query select 1
        = allow
          server Q
        < T D D C:SELECT_2 Z:I
          client T D D C Z
          completed 1 2
        """
    )


def test_a_denied_query_is_substituted_and_its_error_is_exchanged(stage) -> None:
    stage.play(
        """
        > Q:delete from t
          decide query delete from t
        = deny RG-W05
          server Q/poison
        < E:42601
          client E(ERROR 25006)
        < Z:I
          client Z
        """
    )


def test_a_warning_is_told_before_the_first_reply_and_once_a_session(stage) -> None:
    """A notice may stand between any two messages of the server, never inside one; it stands before the rows."""
    stage.play(
        """
        > Q:a + Q:b
          decide query a
        = allow RG-T04 RG-T06
          server Q
          decide query b
        = allow RG-T04
          server Q
        < T D C:SELECT_1 Z:I C:SELECT_0 Z:I
          client N N T D C Z C Z
          completed 1 1
          completed 2 0
        > P:=c + B:= + E: + S
          decide execute c
        = allow RG-T07 RG-T04
          server P B E S
        < 1 2 D C:SELECT_1 Z:I
          client 1 2 N D C Z
          completed 3 1
        """
    )


def test_a_turn_that_comes_whole_is_decided_once(stage) -> None:
    stage.play(
        """
        > P:=a + B:= + D:P + E: + S + P:=b + B:= + E: + S
          decide execute a
        = allow
          server P B D E S
          decide execute b
        = deny RG-W02
          server P/poison S
        < 1 2 T D C:SELECT_1 Z:I
          client 1 2 T D C Z
          completed 1 1
        < E:42601 Z:I
          client E(ERROR 25006) Z
        """
    )


def test_a_turn_that_fails_anywhere_ends_its_one_decision(stage) -> None:
    for number, (before, sqlstate) in enumerate([("", "42P01"), ("1 ", "22P02"), ("1 2 ", "22012")], 1):
        stage.play(
            f"""
            > P:=a + B:= + E: + S
              decide execute a
            = allow
              server P B E S
            < {before}E:{sqlstate} Z:I
              client {before}E(ERROR {sqlstate}) Z
              completed {number} None {sqlstate}
            """
        )


def test_a_turn_that_comes_in_pieces_is_decided_message_by_message(stage) -> None:
    stage.play(
        """
        > P:=a + B:= + E:
          decide parse a
        > S
        = allow
          server P B
          decide execute a
        = allow
          server E S
        < 1 2 D C:SELECT_1 Z:I
          client 1 2 D C Z
          completed 1 None
          completed 2 1
        """
    )


def test_a_session_that_ends_while_a_turn_is_decided_sends_none_of_it(stage) -> None:
    stage.play(
        """
        > P:=a + B:= + E: + S
          decide execute a
        ! server lost
          client E(FATAL 08006)
          abort
        = allow
          completed 1 None 08006
        """
    )


def test_a_warning_of_a_statement_that_fails_is_told_behind_its_error(stage) -> None:
    stage.play(
        """
        > Q:a
          decide query a
        = allow RG-T04
          server Q
        < E:22012
          client E(ERROR 22012)
        < Z:I
          client N Z
          completed 1 None 22012
        """
    )


def test_one_decision_at_a_time_and_in_order(stage) -> None:
    stage.play(
        """
        > Q:a + Q:b
          decide query a
        = allow
          server Q
          decide query b
        = allow
          server Q
        < C:SELECT_0 Z:I C:SELECT_0 Z:I
          client C Z C Z
          completed 1 0
          completed 2 0
        """
    )


def test_the_extended_protocol_decides_parse_and_every_execute(stage) -> None:
    stage.play(
        """
        > P:s=select 1 + D:Ss + B:p=s + E:p + S
          decide parse select 1
        = allow
          server P D B
          decide execute select 1
        = allow
          server E S
        < 1 t T 2 D C:SELECT_1 Z:T
          client 1 t T 2 D C Z
          completed 1 None
          completed 2 1
        > E:p + S
          decide execute select 1
        = allow
          server E S
        < s Z:T
          client s Z
          completed 3 None
        > B:=s + E: + S
          server B
          decide execute select 1
        = deny RG-W00
          server P/poison S
        < 2 E:42601 Z:E
          client 2 E(ERROR 25006) Z
        """
    )


def test_after_an_error_nothing_is_decided_or_sent_until_sync(stage) -> None:
    stage.play(
        """
        > P:=a + B:= + H
          decide parse a
        = allow
          server P B H
        < E:42P01
          client E(ERROR 42P01)
          completed 1 None 42P01
        > B:= + E: + P:=b + Q:c + F + D:P + C:P + H
        > S + Q:d
          server S
          decide query d
        """
    )


def test_a_decision_that_comes_back_when_the_batch_has_failed_releases_nothing(stage) -> None:
    stage.play(
        """
        > P:=a
          decide parse a
        = allow
          server P
        > P:x=b + S
          decide parse b
        < E:42P01
          client E(ERROR 42P01)
          completed 1 None 42P01
        = allow
          server S
          completed 2 None 42P01
        < Z:I
          client Z
        """
    )


def test_behind_a_denial_the_batch_is_not_even_sent(stage) -> None:
    stage.play(
        """
        > P:=a + B:= + S + Q:q
          decide parse a
        = deny RG-W00
          server P/poison S
          decide query q
        = allow
          server Q
        < E:42601 Z:I C:SELECT_1 Z:I
          client E(ERROR 25006) Z C Z
          completed 2 1
        """
    )


def test_other_errors_of_a_denied_message_pass_as_they_are(stage) -> None:
    stage.play(
        """
        > Q:a
          decide query a
        = deny RG-W00
          server Q/poison
        < E:57014 Z:I
          client E(ERROR 57014) Z
        > Q:a
          decide query a
        = deny RG-W00
          server Q/poison
        < E:!42601
          client E(FATAL 42601)
        ! server lost
          finish
        """
    )


@pytest.mark.parametrize("reply", ["C:SELECT_1", "T", "I", "Z:I", "1", "D", "G", "H"])
def test_anything_but_an_error_to_a_denied_message_closes_both_sides(stage, reply) -> None:
    stage.play(
        f"""
        > Q:a
          decide query a
        = deny RG-W00
          server Q/poison
        < {reply}
          client E(FATAL 08P01)
          abort
        """
    )
    assert stage.machine.phase is Phase.CLOSED


@pytest.mark.parametrize("reply", ["G", "W", "V", "1", "2", "3", "s", "n", "t", "R0", "K", "v"])
def test_a_reply_that_a_query_cannot_have_closes_both_sides(stage, reply) -> None:
    stage.play(
        f"""
        > Q:a
          decide query a
        = allow
          server Q
        < {reply}
          client E(FATAL 08P01)
          completed 1 None 08006
          abort
        """
    )


@pytest.mark.parametrize("reply", ["Z:I", "C:SELECT_1", "D", "1", "E:42601"])
def test_a_reply_to_nothing_closes_both_sides(stage, reply) -> None:
    stage.play(
        f"""
        < {reply}
          client E(FATAL 08P01)
          abort
        """
    )


@pytest.mark.parametrize("reply", ["Z:I", "C:SELECT_1", "2"])
def test_ready_for_query_out_of_turn(stage, reply) -> None:
    stage.play(
        f"""
        > P:=a + S
          decide parse a
        = allow
          server P S
        < {reply}
          client E(FATAL 08P01)
          completed 1 None 08006
          abort
        """
    )


def test_a_fatal_error_from_the_server_passes_and_ends_the_session(stage) -> None:
    stage.play(
        """
        < E:!57P01
          client E(FATAL 57P01)
        ! server lost
          finish
        """
    )


def test_nothing_is_sent_into_the_middle_of_a_row(stage) -> None:
    stage.play(
        """
        > Q:a
          decide query a
        = allow
          server Q
        """
    )
    row = stage.pg.frame(b"D", bytes(100))
    [passed] = stage.machine.handle(events.ServerData(data=row[:50]))
    assert isinstance(passed, commands.ToClient)
    assert passed.data == row[:50]
    stage.play(
        """
        ! server lost
          completed 1 None 08006
          abort
        """
    )


def test_asynchronous_messages_belong_to_nobody(stage) -> None:
    stage.play(
        """
        < N A S:application_name=x
          client N A S
        > P:=a + S
          decide parse a
        = allow
          server P S
        < N 1 A Z:I
          client N 1 A Z
          completed 1 None
        """
    )


@pytest.mark.parametrize(
    ("report", "sqlstate"),
    [
        ("standard_conforming_strings=off", "0A000"),
        ("client_encoding=SJIS", "0A000"),
        ("client_encoding=GBK", "0A000"),
        ("default_transaction_read_only=off", "0A000"),
        ("session_authorization=root", "0A000"),
    ],
)
@pytest.mark.parametrize("when", ["< S:{}", "< R0 S:{}"])
def test_a_report_that_the_guard_cannot_live_with(new, report, sqlstate, when) -> None:
    early = "R0" in when
    stage = new() if early else new().ready()
    stage.play(
        f"""
        {when.format(report)}
          client {"R " if early else ""}E(FATAL {sqlstate})
          abort
        """
    )


@pytest.mark.parametrize("reports", ["", "S:client_encoding=UTF8 ", "S:standard_conforming_strings=on "])
def test_a_server_that_does_not_report_what_is_needed(new, reports) -> None:
    told = "R S" if reports else "R"
    new().play(
        f"""
        < R0 {reports}Z:I
          client {told} E(FATAL 0A000)
          abort
        """
    )


def test_passwords_are_relayed_in_turn_and_channel_binding_is_taken_off(new) -> None:
    stage = new()
    [answer] = stage.machine.handle(events.ServerData(data=stage.from_server("R10:SCRAM-SHA-256-PLUS,SCRAM-SHA-256,,")))
    assert answer.data == stage.pg.frame(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0")
    first = sasl(stage.pg, "SCRAM-SHA-256", "n,,n=,r=x")
    [passed] = stage.machine.handle(events.ClientData(data=first))
    assert isinstance(passed, commands.ToServer)
    assert passed.data == first
    stage.play(
        """
        < R11:y
          client R
        > p:z
          server p
        < R12:y R0 S:client_encoding=UTF8 S:standard_conforming_strings=on Z:I
          client R R S S Z
          opened 0
        """
    )


def sasl(pg, mechanism: str, data: str) -> bytes:
    return pg.frame(b"p", f"{mechanism}\0".encode() + struct.pack("!I", len(data)) + data.encode())


@pytest.mark.parametrize(
    ("mechanism", "data"),
    [
        ("SCRAM-SHA-256", "y,,n=,r=x"),
        ("SCRAM-SHA-256", "p=tls-server-end-point,,n=,r=x"),
        ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=x"),
    ],
)
def test_a_client_that_could_bind_is_told_why_it_cannot(new, mechanism, data) -> None:
    stage = new()
    stage.machine.handle(events.ServerData(data=stage.from_server("R10:SCRAM-SHA-256-PLUS,SCRAM-SHA-256,,")))
    told, aborted = stage.machine.handle(events.ClientData(data=sasl(stage.pg, mechanism, data)))
    fields = {name: value.decode() for name, value in error_fields(next(frames_of(told.data))).items()}
    assert fields["C"] == "28000"
    assert "Channel binding cannot pass the guard (RG-A02)" in fields["M"]
    assert "channel_binding=disable" in fields["H"]
    assert isinstance(aborted, commands.Abort)


def test_a_client_may_say_that_it_could_bind_where_the_server_could_not(new) -> None:
    stage = new()
    stage.machine.handle(events.ServerData(data=stage.from_server("R10:SCRAM-SHA-256,,")))
    first = sasl(stage.pg, "SCRAM-SHA-256", "y,,n=,r=x")
    [passed] = stage.machine.handle(events.ClientData(data=first))
    assert isinstance(passed, commands.ToServer)
    assert passed.data == first


@pytest.mark.parametrize(
    "body", [b"", b"SCRAM-SHA-256", b"SCRAM-SHA-256\0\0\0\0\x09n,,", b"SCRAM-SHA-256\0\xff\xff\xff\xff"]
)
def test_a_malformed_initial_response(new, body) -> None:
    stage = new()
    stage.machine.handle(events.ServerData(data=stage.from_server("R10:SCRAM-SHA-256-PLUS,SCRAM-SHA-256,,")))
    assert isinstance(stage.machine.handle(events.ClientData(data=stage.pg.frame(b"p", body)))[-1], commands.Abort)


@pytest.mark.parametrize("message", ["p:x", "Q:a", "S", "P:=a", "d:x"])
def test_the_client_speaks_out_of_turn_before_it_is_let_in(new, message) -> None:
    new().play(
        f"""
        > {message}
          client E(FATAL 08P01)
          abort
        """
    )


@pytest.mark.parametrize("message", ["Z:I", "K", "S:a=b", "T", "C:SELECT_1", "1", "G", "R99"])
def test_the_server_speaks_out_of_turn_before_it_lets_in(new, message) -> None:
    new().play(
        f"""
        < {message}
          client E(FATAL 08P01)
          abort
        """
    )


@pytest.mark.parametrize("is_asked", [False, True])
def test_of_a_client_that_is_not_let_in_no_long_message_is_kept(new, is_asked) -> None:
    stage = new(message_bytes=1_000_000)
    if is_asked:
        stage.step("< R3")
    told = stage.machine.handle(events.ClientData(data=b"p" + struct.pack("!I", 65_536) + b"x"))
    assert stage.machine.phase is Phase.CLOSED
    assert b"a message of 65536 bytes; the limit is 65535" in told[0].data


def test_a_client_that_is_let_in_may_send_long_ones(new, pg) -> None:
    stage = new(message_bytes=1_000_000).ready()
    (asked,) = stage.machine.handle(events.ClientData(data=pg.query("select 1 /*" + "x" * 900_000 + "*/")))
    assert isinstance(asked, commands.Decide)


def test_a_client_says_goodbye_before_it_is_let_in(new) -> None:
    new().play(
        """
        > X
          finish
        """
    )


@pytest.mark.parametrize(
    ("asked", "answer", "goes_on"),
    [
        (196610, (196608, []), True),
        (196610, (196610, []), True),
        (196608, (196610, []), False),
        (196610, (196608, ["_pq_.x"]), False),
    ],
)
def test_a_server_may_speak_an_older_version_but_no_newer_one(new, asked, answer, goes_on) -> None:
    stage = new(version=asked)
    names = b"".join(name.encode() + b"\0" for name in answer[1])
    said = stage.pg.frame(b"v", struct.pack("!II", answer[0], len(answer[1])) + names)
    told = stage.machine.handle(events.ServerData(data=said))
    assert (told == []) == goes_on  # the client has been told by the guard already
    if goes_on:
        stage.play("< R0\nclient R")


def test_the_client_is_given_a_key_of_the_guards_own(new) -> None:
    stage = new(cancel_key=BackendKey(77, b"x" * 32))
    hello = "R0 S:client_encoding=UTF8 S:standard_conforming_strings=on K Z:I"
    said = b"".join(stage.from_server(word) for word in hello.split(" "))
    told, opened = stage.machine.handle(events.ServerData(data=said))
    assert (
        next(each.body for each in frames_of(told.data) if each.kind == ord("K")) == struct.pack("!I", 77) + b"x" * 32
    )
    assert isinstance(opened, commands.Opened)
    assert (opened.key.pid, opened.key.secret, opened.authentication) == (7, b"abcd", "trust")


def test_a_function_call_is_refused_and_answered_like_a_query(stage) -> None:
    stage.play(
        """
        > F:xxxx
          refuse fastpath RG-T05
        = deny RG-T05
          server Q/poison
        < E:42601 Z:I
          client E(ERROR 0A000) Z
        """
    )


def test_a_refusal_that_comes_back_as_an_allowance_ends_the_session(stage) -> None:
    stage.play(
        """
        > F:xxxx
          refuse fastpath RG-T05
        = allow
          client E(FATAL 57P03)
          abort
        """
    )


def test_an_unknown_portal_or_statement_is_refused(stage) -> None:
    stage.play(
        """
        > B:p=unknown + E:p + S
          server B
          refuse execute RG-T05
        = deny RG-T05
          server P/poison S
        < 2 E:42601 Z:I
          client 2 E(ERROR 0A000) Z
        > E:cursor + S
          refuse execute RG-T05
        = deny RG-T05
          server P/poison S
        < E:42601 Z:I
          client E(ERROR 0A000) Z
        """
    )


def test_a_name_in_flight_from_an_earlier_batch_is_waited_for(stage) -> None:
    stage.play(
        """
        > P:s=first + S
          decide parse first
        = allow
          server P S
        < 1 Z:I
          client 1 Z
          completed 1 None
        > P:s=second + S + B:=s + E: + S
          decide parse second
        = allow
          server P S H
        < E:42P05
          client E(ERROR 42P05)
          completed 2 None 42P05
        < Z:I
          server B
          client Z
          decide execute first
        """
    )


def test_a_name_that_sql_may_be_changing_is_waited_for(stage) -> None:
    stage.play(
        """
        > Q:prepare s as select 1 + B:=s + E: + S
          decide query prepare s as select 1
        = allow
          server Q H
        < C:PREPARE
          client C
        < Z:I
          server B
          client Z
          completed 1 None
          decide execute prepare s as select 1
        """
    )


def test_a_name_that_sql_gives_in_the_same_batch_is_waited_for_with_a_flush(stage) -> None:
    stage.play(
        """
        > P:=prepare s as select 2 + B:= + E: + B:=s + E: + S
          decide parse prepare s as select 2
        = allow
          server P B
          decide execute prepare s as select 2
        = allow
          server E H
        < 1 2
          client 1 2
          completed 1 None
        < C:PREPARE
          server B
          client C
          completed 2 None
          decide execute prepare s as select 2
        """
    )


@pytest.mark.parametrize("tag", ["DEALLOCATE_ALL", "DISCARD_ALL", "PREPARE"])
def test_statements_are_forgotten_when_sql_may_have_changed_them(stage, tag) -> None:
    stage.play(
        f"""
        > P:s=a + S + Q:x
          decide parse a
        = allow
          server P S
          decide query x
        = allow
          server Q
        < 1 Z:I C:{tag} Z:I
          client 1 Z C Z
          completed 1 None
          completed 2 None
        > B:=s + E:
          server B
          refuse execute RG-T05
        """
    )


def test_named_portals_are_forgotten_when_sql_declares_a_cursor(stage) -> None:
    stage.play(
        """
        > P:=a + B:p= + S
          decide parse a
        = allow
          server P B S
        < 1 2 Z:T
          client 1 2 Z
          completed 1 None
        > Q:declare c
          decide query declare c
        = allow
          server Q
        < C:DECLARE_CURSOR Z:T
          client C Z
          completed 2 None
        > E:p
          refuse execute RG-T05
        """
    )


@pytest.mark.parametrize(
    "query",
    [
        "= allow\n server Q\n < C:SELECT_1 Z:T\n client C Z\n completed 2 1",
        "= allow\n server Q\n < E:26000 Z:E\n client E(ERROR 26000) Z\n completed 2 None 26000",
        "= deny RG-W05\n server Q/poison",  # and is under way
    ],
)
def test_a_query_makes_an_unnamed_portal_of_its_own(stage, query) -> None:
    stage.play(
        f"""
        > P:=a + B:= + S
          decide parse a
        = allow
          server P B S
        < 1 2 Z:T
          client 1 2 Z
          completed 1 None
        > Q:b
          decide query b
        {query}
        > E:
          refuse execute RG-T05
        """
    )


def test_portals_are_forgotten_when_the_transaction_ends(stage) -> None:
    stage.play(
        """
        > P:=a + B:p= + S
          decide parse a
        = allow
          server P B S
        < 1 2 Z:I
          client 1 2 Z
          completed 1 None
        > E:p
          refuse execute RG-T05
        """
    )


def test_close_takes_the_name_away_when_it_completes(stage) -> None:
    stage.play(
        """
        > P:s=a + C:Ss + B:=s + E:
          decide parse a
        = allow
          server P C B
          refuse execute RG-T05
        """
    )


@pytest.mark.parametrize("name", ["x" * 64, "é"])
def test_names_that_the_server_may_take_for_others_are_refused(stage, name) -> None:
    stage.play(
        f"""
        > P:{name}=a
          refuse parse RG-T05
        = deny RG-T05
          server P/poison
        """
    )


def test_text_is_read_in_the_client_s_encoding(stage) -> None:
    stage.play("< S:client_encoding=LATIN1\nclient S")
    [question] = stage.machine.handle(events.ClientData(data=stage.pg.query("select 'å'".encode("latin-1"))))
    assert (question.token, question.phase, question.text) == (1, "query", "select 'å'")


def test_text_that_cannot_be_read_is_refused_and_the_session_lives(stage) -> None:
    [question] = stage.machine.handle(events.ClientData(data=stage.pg.query(b"select '\xe5'")))
    assert (question.phase, question.code) == ("query", "RG-T07")
    stage.play(
        """
        = deny RG-T07
          server Q/poison
        < E:42601 Z:I
          client E(ERROR 0A000) Z
        """
    )


def test_an_encoding_that_may_have_changed_is_waited_for(stage) -> None:
    stage.play(
        """
        > Q:set client_encoding to latin1 + Q:select 1 + Q:select 'å'
          decide query set client_encoding to latin1
        = allow
          server Q
          decide query select 1
        = allow
          server Q H
        < C:SET S:client_encoding=LATIN1 Z:I C:SELECT_1
          client C S Z C
          completed 1 None
        < Z:I
          client Z
          completed 2 1
          decide query select 'Ã¥'
        """
    )


@pytest.mark.parametrize("failing", ["Q:select 1/0", "Q:delete from t"])
def test_what_fails_undoes_the_encoding_of_its_transaction(stage, failing) -> None:
    verdict, replaced = ("allow", "Q") if "select" in failing else ("deny RG-W01", "Q/poison")
    stage.play(
        f"""
        > Q:set client_encoding to latin1
          decide query set client_encoding to latin1
        = allow
          server Q
        < C:SET S:client_encoding=LATIN1 Z:T
          client C S Z
          completed 1 None
        > {failing} + Q:select 'å'
          decide query {failing[2:]}
        = {verdict}
          server {replaced} H
        """
    )
    reply = [stage.from_server(part) for part in ("E:22012", "S:client_encoding=UTF8", "Z:E")]
    assert stage.machine.handle(events.ServerData(data=b"".join(reply)))[-1].text == "select 'å'"


def test_an_encoding_that_cannot_settle_before_sync_is_refused(stage) -> None:
    stage.play(
        """
        > P:=set client_encoding to latin1 + B:= + E: + H
          decide parse set client_encoding to latin1
        = allow
          server P B
          decide execute set client_encoding to latin1
        = allow
          server E H
        < 1 2 C:SET
          client 1 2 C
          completed 1 None
          completed 2 None
        > P:=select 'å'
          refuse parse RG-T07
        """
    )


def test_a_transaction_that_changed_nothing_leaves_the_encoding_certain(stage) -> None:
    stage.play(
        """
        > Q:begin + Q:select 'å'
          decide query begin
        = allow
          server Q
          decide query select 'å'
        """
    )


def test_denials_speak_the_session_s_language_and_encoding(stage) -> None:
    stage.play("< S:client_encoding=LATIN1\nclient S\n> Q:a\ndecide query a\n= deny RG-T02 sv\nserver Q/poison")
    [answer] = stage.machine.handle(events.ServerData(data=stage.from_server("E:42601")))
    fields = dict((part[:1].decode(), part[1:].decode("latin-1")) for part in answer.data[5:].split(b"\0") if part)
    assert fields["M"] == "readonly-guard: Satsen kan inte läsas av PostgreSQL:s grammatik (RG-T02)"
    assert fields["C"] == "42601"
    assert fields["P"] == "4"
    assert fields["R"] == "readonly_guard"
    assert "d-1" in fields["H"]


def test_the_substitute_carries_the_decision_id_and_no_other_character(stage) -> None:
    stage.play("> Q:a\ndecide query a")
    [sent] = stage.machine.handle(stage.decision("deny RG-W00"))
    assert sent.data[5:] == b"readonly_guard_denied d-1DROP\0"


def test_copy_messages_outside_copy_are_passed_over(stage) -> None:
    stage.play(
        """
        > d:x + c + f:no
        """
    )


def test_copy_out_streams(stage) -> None:
    stage.play(
        """
        > Q:copy t to stdout
          decide query copy t to stdout
        = allow
          server Q
        < H d d d c C:COPY_3 Z:I
          client H d d d c C Z
          completed 1 3
        """
    )


@pytest.mark.parametrize(
    "data",
    [
        b"Q\0\0\0\x06a\0b"[:-1] + b"b",
        b"Q\0\0\0\x05a",
        b"Q\0\0\0\x07a\0b",
        b"P\0\0\0\x05a",
        b"P\0\0\0\x0a\0a\0\0\x01x",
        b"B\0\0\0\x05a",
        b"E\0\0\0\x06\0\0",
        b"D\0\0\0\x06X\0",
        b"C\0\0\0\x05S",
        b"C\0\0\0\x08Sa\0b",
        b"p\0\0\0\x04",
        b"Z\0\0\0\x04",
        b"Q\0\0\0\x03",
        b"Q\xff\xff\xff\xff",
        b"Q\0\x01\0\0",
        b"\0",
    ],
)
def test_malformed_messages_end_the_session(stage, data) -> None:
    *_, told, end = stage.machine.handle(events.ClientData(data=data))
    assert error_fields(next(frames_of(told.data)))["C"] == b"08P01"
    assert isinstance(end, commands.Abort)
    assert stage.machine.handle(events.ClientData(data=stage.pg.query("select 1"))) == []
    assert stage.machine.handle(events.ServerData(data=b"Z")) == []


def test_a_goodbye_waits_for_its_turn(stage) -> None:
    stage.play(
        """
        > Q:a + X
          decide query a
        = allow
          server Q X
          completed 1 None 08006
          finish
        """
    )


def test_a_client_that_leaves_while_a_decision_is_in_flight(stage) -> None:
    stage.play(
        """
        > Q:a
          decide query a
        ! client lost
          server X
          finish
        = allow
          completed 1 None 08006
        """
    )


def test_a_decision_that_fails_ends_the_session(stage) -> None:
    stage.play(
        """
        > Q:a
          decide query a
        ! failed
          client E(FATAL 57P03)
          abort
        """
    )


def test_a_decision_that_was_not_asked_for_is_the_caller_s_mistake(stage) -> None:
    with pytest.raises(AssertionError):
        stage.machine.handle(stage.decision("allow"))


def test_drain(stage, new) -> None:
    stage.play(
        """
        > Q:a
          decide query a
        ! drain
        = allow
          server Q
        < C:SELECT_1 Z:I
          server X
          client C Z E(FATAL 57P01)
          completed 1 1
          finish
        """
    )
    new().ready().play("! drain\nserver X\nclient E(FATAL 57P01)\nfinish")
    new().play("! drain now\nclient E(FATAL 57P01)\nfinish")
    new().play("! drain\nclient E(FATAL 57P01)\nfinish")


class TestPatience:
    def test_a_client_that_is_not_let_in(self, new) -> None:
        stage = new()
        assert stage.machine.waiting == (events.Waiting.STARTUP, 0)
        stage.play("! waited to start\nclient E(FATAL 57014)\nabort")

    def test_an_idle_one(self, stage) -> None:
        assert stage.machine.waiting == (events.Waiting.IDLE, 0)
        stage.play("! waited idle\nserver X\nclient E(FATAL 57P05)\nfinish")

    def test_one_that_keeps_a_transaction_open(self, stage) -> None:
        stage.play(
            """
            > Q:begin
              decide query begin
            = allow
              server Q
            < C:BEGIN Z:T
              client C Z
              completed 1 None
            """
        )
        assert stage.machine.waiting == (events.Waiting.IDLE_IN_TRANSACTION, 1)
        stage.play("! waited in a transaction\nserver X\nclient E(FATAL 25P03)\nfinish")

    def test_one_that_never_sends_its_sync_keeps_one_too(self, stage) -> None:
        stage.play(
            """
            > P:=select 1 + H
              decide parse select 1
            = allow
              server P H
            < 1
              client 1
              completed 1 None
            """
        )
        assert stage.machine.waiting[0] is events.Waiting.IDLE_IN_TRANSACTION
        stage.play("> S\nserver S\n< Z:I\nclient Z")
        assert stage.machine.waiting[0] is events.Waiting.IDLE

    def test_what_is_waited_for_is_another_with_every_request(self, stage) -> None:
        seen = [stage.machine.waiting]
        for number in range(1, 4):
            stage.play("> Q:a\ndecide query a\n= allow\nserver Q")
            seen.append(stage.machine.waiting)
            stage.play(f"< C:SELECT_1 Z:I\nclient C Z\ncompleted {number} 1")
            seen.append(stage.machine.waiting)
        assert len(set(seen)) == len(seen)
        stage.play("> Q:a\ndecide query a")  # a decision is waited for
        assert stage.machine.waiting == (events.Waiting.STATEMENT, -4)

    def test_a_statement_is_cancelled_and_the_session_lives_on(self, stage) -> None:
        stage.play(
            """
            > Q:a
              decide query a
            = allow
              server Q
            ! waited for a statement
              cancel 7 abcd
            < E:57014 Z:I
              client E(ERROR 57014) Z
              completed 1 None 57014
            > Q:b
            ! cancel delivered
              decide query b
            = allow
              server Q
            < C:SELECT_1 Z:I
              client C Z
              completed 2 1
            """
        )

    def test_nothing_runs_that_a_late_cancel_could_hit(self, stage) -> None:
        stage.play(
            """
            > Q:a
              decide query a
            = allow
              server Q
            ! waited for a statement
              cancel 7 abcd
            < C:SELECT_1 Z:I
              client C Z
              completed 1 1
            > Q:b
            > Q:c
            ! cancel delivered
              decide query b
            = allow
              server Q
              decide query c
            """
        )

    def test_the_cancelled_one_is_told_of_the_limit_and_the_next_of_the_user(self, stage) -> None:
        text = "> Q:a\ndecide query a\n= allow\nserver Q"
        stage.play(text + "\n! waited for a statement\ncancel 7 abcd")
        stage.machine.handle(events.CancelDelivered())
        cancelled = stage.from_server("E:57014") + stage.from_server("Z:I")
        told = stage.machine.handle(events.ServerData(data=cancelled))[0].data
        assert b"statement timeout" in told
        assert b"limits.statement_timeout_s" in told
        stage.play(text)
        assert stage.machine.handle(events.ServerData(data=cancelled))[0].data == cancelled

    def test_what_does_not_end_then_costs_the_session(self, stage) -> None:
        stage.play(
            """
            > Q:a
              decide query a
            = allow
              server Q
            ! waited for a statement
              cancel 7 abcd
            ! cancel delivered
            ! waited for a statement
              client E(FATAL 57014)
              completed 1 None 08006
              abort
            """
        )

    def test_so_does_a_decision_that_does_not_come(self, stage) -> None:
        stage.play(
            """
            > Q:a
              decide query a
            ! waited for a statement
            ! waited for a statement
              client E(FATAL 57014)
              abort
            = allow
              completed 1 None 08006
            """
        )

    def test_a_server_that_gave_no_key_cannot_be_asked(self, new) -> None:
        stage = new()
        stage.play(
            """
            < R0 S:client_encoding=UTF8 S:standard_conforming_strings=on Z:I
              client R S S Z
              opened 0
            > Q:a
              decide query a
            = allow
              server Q
            ! waited for a statement
              client E(FATAL 57014)
              completed 1 None 08006
              abort
            """
        )

    def test_a_deadline_that_comes_too_late_does_nothing(self, stage) -> None:
        stage.play("! waited in a transaction\n! waited to start\n! waited for a statement\n! cancel delivered")
        assert stage.machine.waiting == (events.Waiting.IDLE, 0)


def test_a_client_that_sends_much_while_a_decision_is_in_flight_is_held_back(stage) -> None:
    stage.machine.handle(events.ClientData(data=stage.pg.query("a") * 1_000))
    assert not stage.machine.is_congested
    stage.machine.handle(events.ClientData(data=stage.pg.query("b" * 9_000) * 20))
    assert stage.machine.is_congested


def test_one_byte_at_a_time(stage) -> None:
    data = b"".join(stage.from_client(word) for word in ["P:s=select 1", "B:=s", "E:", "S"])
    told = [stage.told(each) for byte in data for each in stage.machine.handle(events.ClientData(data=bytes((byte,))))]
    assert told == ["decide parse select 1"]
    stage.play("= allow\nserver P B\ndecide execute select 1\n= allow\nserver E S")
    data = b"".join(stage.from_server(word) for word in ["1", "2", "D:abc", "C:SELECT_1", "Z:I"])
    sent = b""
    for byte in data:
        for each in stage.machine.handle(events.ServerData(data=bytes((byte,)))):
            sent += each.data if isinstance(each, commands.ToClient) else b""
    assert sent == data


def test_an_execute_is_decided_with_the_values_that_were_bound(stage) -> None:
    stage.play(
        """
        > P:s=select $1 + D:Ss + S
          decide parse select $1
        = allow
          server P D S
        < 1 t:20 T Z:I
          client 1 t T Z
          completed 1 None
        """
    )
    assert stage.parameters is None  # what is parsed has no values yet
    for number in (900_001, 900_002):
        bind = stage.pg.frame(b"B", b"p\0s\0" + struct.pack("!hhhiqh", 1, 1, 1, 8, number, 0))
        stage.machine.handle(events.ClientData(data=bind))
        stage.play(
            """
            > E:p + S
              decide execute select $1
            """
        )
        assert stage.parameters.texts(1, is_array=False) == (str(number),)
        stage.play(
            """
            = allow
              server E S
            < 2 D C:SELECT_1 Z:I
              client 2 D C Z
              completed 2 1
            """.replace("completed 2", f"completed {stage.token + 1}")
        )


def test_types_that_are_told_of_another_statement_are_not_believed(stage) -> None:
    stage.play(
        """
        > P:s=select $1 + S + P:s=select $1, $2
          decide parse select $1
        = allow
          server P S
          decide parse select $1, $2
        = allow
          server P
        > D:Ss + S
          server D S
        < 1 Z:I E:42P05 Z:I
          client 1 Z E(ERROR 42P05) Z
          completed 1 None
          completed 2 None 42P05
        > D:Ss + S
          server D S
        < t:23 T Z:I
          client t T Z
        """
    )
    bind = stage.pg.frame(b"B", b"p\0s\0" + struct.pack("!hhhiih", 1, 1, 1, 4, 7, 0))
    stage.machine.handle(events.ClientData(data=bind))
    assert stage.step("> E:p") == ["decide execute select $1"]
    assert stage.parameters.texts(1, is_array=False) == ("7",)


def can_wait(told: list[commands.Command]) -> list[bool]:
    return [command.can_wait for command in told if isinstance(command, commands.ToServer)]


def test_what_runs_nothing_can_wait_for_what_is_decided_behind_it(stage) -> None:
    stage.step("> P:s=select 1 + B:=s + D:P + E: + S")
    decision = stage.decision("allow")
    told = stage.machine.handle(decision)
    assert can_wait(told) == [True]
    [*_, execute] = told
    assert isinstance(execute, commands.Decide)
    released = stage.machine.handle(events.Decided(token=execute.token, decision=decision.decision))
    assert can_wait(released) == [False]


@pytest.mark.parametrize("asks", ["S", "H"])
def test_what_asks_for_an_answer_cannot_wait(stage, asks) -> None:
    stage.step(f"> P:s=select 1 + {asks}")
    assert can_wait(stage.machine.handle(stage.decision("allow"))) == [False]
