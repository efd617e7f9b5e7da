"""The request lane: what the client sent and has not been dealt with, first in, first out, one decision in flight.

A Parse is decided by itself, or with the Execute that runs it where all of that turn is here (see `turn_ahead`).

Each kind of message has one method. It deals with the message, or says that it must wait: when the text behind a name,
or the encoding of a text, depends on a request that is still under way. The lane then waits for the reply lane to
empty, and sends a Flush, without which the server may hold its replies back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from readonly_guard.domain import Reason, Verdict
from readonly_guard_proxy.session.commands import Completed, Decide, Refuse
from readonly_guard_proxy.session.consequences import consequences
from readonly_guard_proxy.session.events import Decided
from readonly_guard_proxy.session.names import Kind, Portal, Prepared, is_followed
from readonly_guard_proxy.session.outbox import Outbox
from readonly_guard_proxy.session.parameters import BoundParameters, EarlierNames
from readonly_guard_proxy.session.reply_lane import ReplyLane
from readonly_guard_proxy.session.reported import Reported
from readonly_guard_proxy.session.turn_ahead import values_ahead
from readonly_guard_proxy.wire.framing import Frame, ProtocolViolation, frame
from readonly_guard_proxy.wire.messages import Frontend, execute_portal, query_text, read_bind, read_parse, target

__all__ = ["RequestLane", "of_own_type"]

_BACKLOG_BYTES: Final = 128 * 1024
_BACKLOG_MESSAGES: Final = 1_024
_FIRST_OWN_OID: Final = 16_384
"""FirstNormalObjectId: below it are the objects that initdb makes (PostgreSQL sources, access/transam.h)."""
_ALLOW: Final = Verdict.ALLOW
_FLUSH: Final = frame(Frontend.FLUSH, b"")
_KINDS: Final[dict[bytes, Kind]] = {b"S": "statement", b"P": "portal"}
_HEARD_WHILE_SKIPPING: Final = frozenset({Frontend.SYNC, Frontend.TERMINATE})


def of_own_type(types: tuple[int, ...]) -> bool:
    """Whether one of a statement's parameters is declared to be of a type that is not built in."""
    return any(oid >= _FIRST_OWN_OID for oid in types)


class _Pending:
    """The one message that is being decided."""

    __slots__ = ("may_be_allowed", "message", "name", "phase", "portal", "prepared", "text", "token")

    def __init__(  # noqa: PLR0917  one caller, and keywords cost when they are not compiled
        self,
        token: int,
        message: Frame,
        phase: str,
        text: str,
        name: bytes,
        prepared: Prepared | None,
        portal: Portal | None,
        *,
        may_be_allowed: bool,
    ) -> None:
        self.token: Final = token
        self.message: Final = message
        self.phase: Final = phase
        self.text: Final = text
        self.name: Final = name
        self.prepared: Final = prepared
        self.portal: Final = portal
        self.may_be_allowed: Final = may_be_allowed


class RequestLane:
    """The requests of one session.

    Args:
        outbox: takes what is to be sent and what is to be decided.
        replies: the other lane.
        reported: knows the client's encoding.
    """

    def __init__(self, outbox: Outbox, replies: ReplyLane, reported: Reported) -> None:
        self._outbox = outbox
        self._replies = replies
        self._reported = reported
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._pending: _Pending | None = None
        self._token = 0
        self._stalled = False
        self._earlier = EarlierNames(replies, reported.codec)
        self.hold = False  # nothing may be released, because a cancel request is on its way
        self.terminated = False
        self.told: set[str] = set()  # the codes of the warnings that the session has been told of

    @property
    def is_congested(self) -> bool:
        """Whether so much waits that the client should be read no further for now."""
        return self._waiting_bytes > _BACKLOG_BYTES or len(self._waiting) > _BACKLOG_MESSAGES

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being decided."""
        return not self._waiting and self._pending is None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, and what comes need not wait."""
        return not (self._waiting or self._pending is not None or self._stalled or self.hold or self.terminated)

    @property
    def asked(self) -> int:
        """How many decisions have been asked for."""
        return self._token

    def next_token(self) -> int:
        """The number of one more decision."""
        self._token += 1
        return self._token

    def put(self, message: Frame) -> None:
        """Take a message of the client."""
        self._waiting.append(message)
        self._waiting_bytes += len(message.data)

    def clear(self) -> None:
        """Nothing that waits will be dealt with."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def pump(self) -> None:
        """Deal with what waits, as far as that is possible now.

        Raises:
            ProtocolViolation: a message is malformed or out of turn.
        """
        if self.hold or (self._stalled and not self._replies.is_empty):
            return
        self._stalled = False
        while self._waiting and self._pending is None and not self.terminated:
            message = self._waiting[0]
            if (not self._replies.skipping or message.kind in _HEARD_WHILE_SKIPPING) and not (
                not self._replies.is_full and _MESSAGES[message.kind](self, message)
            ):
                self._stalled = True
                self._outbox.send(_FLUSH)
                return
            self._take()

    def decided(self, event: Decided) -> bool:
        """Release the message that was being decided, or send its substitute.

        A decision that comes back when the server already passes over, or the session has ended, releases nothing.

        Returns:
            False when a refusal came back as an allowance: nothing was sent, and the session cannot go on.
        """
        pending, decision = self._pending, event.decision
        if pending is None or pending.token != event.token:
            raise AssertionError("a decision that was not asked for")
        self._pending = None
        if self._replies.skipping:
            if decision.allowed:  # the log is told that it came to nothing
                cause = self._replies.skip_cause
                self._outbox.commands.append(Completed(event.token, None, 0, cause))
        elif decision.verdict is not _ALLOW:
            self._replies.send_substitute(pending.message, pending.name, decision, event.language)
        elif not pending.may_be_allowed:
            return False
        elif pending.phase == "parse":
            self._replies.send_change(pending.message, "statement", pending.name, pending.prepared, token=event.token)
        else:
            after, warnings = consequences(decision.analysis), decision.warnings
            self._reported.released(after)
            self._replies.send_released(
                pending.message if pending.prepared is None else self._send_up_to_execute(pending),
                event.token,
                pending.text,
                after,
                portal=pending.portal,
                warnings=self._not_told(warnings) if warnings else (),
                language=event.language,
            )
        return True

    def _send_up_to_execute(self, pending: _Pending) -> Frame:
        """Send what stands before the Execute of a turn that was decided as one; gives that Execute."""
        self._replies.send_change(pending.message, "statement", b"", pending.prepared)
        message = self._take()
        while message.kind != Frontend.EXECUTE:
            if message.kind == Frontend.BIND:
                self._replies.send_change(message, "portal", b"", pending.portal)
            else:
                self._replies.send(message)
            message = self._take()
        return message

    def _take(self) -> Frame:
        message = self._waiting.popleft()
        self._waiting_bytes -= len(message.data)
        return message

    def _not_told(self, warnings: tuple[Reason, ...]) -> tuple[Reason, ...]:
        """Those of which the session has not been told: each code once, or a report's loop would drown in them."""
        news = {warning.code: warning for warning in warnings if warning.code not in self.told}
        self.told.update(news)
        return tuple(news.values())

    # ------------------------------------------------------------------ one method a message; False: it must wait

    def _query(self, message: Frame) -> bool:
        return self._read(message, "query", query_text(message))

    def _parse(self, message: Frame) -> bool:
        parse = read_parse(message)
        name = parse.name
        if not is_followed(name):
            what = "a statement name that is not ASCII of at most 63 characters"
            self._refuse(message, "parse", "RG-T05", what, name)
        elif of_own_type(parse.types):
            # binding a value to a domain runs its CHECK, and to any type of one's own its input function
            self._refuse(message, "parse", "RG-F03", "a parameter of a type that is not built in", name)
        else:
            return self._read(message, "parse", parse.text, name, parse.types)
        return True

    def _bind(self, message: Frame) -> bool:
        bind = read_bind(message)
        certain, statement = self._replies.look_up("statement", bind.statement)
        if certain:
            portal = Portal(statement, bind.values) if isinstance(statement, Prepared) else None
            self._replies.send_change(message, "portal", bind.portal, portal)
        return certain

    def _close(self, message: Frame) -> bool:
        about = target(message)
        self._replies.send_change(message, _KINDS[about.kind], about.name, None)
        return True

    def _describe(self, message: Frame) -> bool:
        about, described = target(message), None  # to describe runs nothing
        if _KINDS[about.kind] == "statement":
            certain, statement = self._replies.look_up("statement", about.name)
            described = statement if certain and isinstance(statement, Prepared) else None
        self._replies.send(message, describes=described)
        return True

    def _execute(self, message: Frame) -> bool:
        certain, portal = self._replies.look_up("portal", execute_portal(message))
        if certain and isinstance(portal, Portal):
            self._decide(message, "execute", portal.text, portal=portal)
        elif certain:
            self._refuse(message, "execute", "RG-T05", "portal not bound by protocol")
        return certain

    def _function_call(self, message: Frame) -> bool:
        self._refuse(message, "fastpath", "RG-T05", "function call by protocol")
        return True

    def _sync(self, message: Frame) -> bool:
        self._replies.send_sync(message)
        return True

    def _flush(self, message: Frame) -> bool:
        self._outbox.send(message.data)
        return True

    def _terminate(self, _message: Frame) -> bool:
        self.terminated = True
        return True

    def _copy(self, _message: Frame) -> bool:
        return True  # outside COPY IN, which never is, PostgreSQL passes over these too

    def _password(self, _message: Frame) -> bool:
        raise ProtocolViolation("a password message that was not asked for")

    # ------------------------------------------------------------------ what they share

    @property
    def _is_in_doubt(self) -> bool:
        """Whether the server may read what comes in another encoding than it has reported.

        What is under way may also fail, which undoes what SET did in the same transaction.
        """
        return self._reported.in_doubt or (self._reported.is_touched and not self._replies.is_empty)

    def _read(self, message: Frame, phase: str, raw: bytes, name: bytes = b"", types: tuple[int, ...] = ()) -> bool:
        """Have a text decided that came with this message."""
        if self._is_in_doubt and not raw.isascii():
            if not self._replies.is_empty:
                return False
            self._refuse(message, phase, "RG-T07", "client_encoding may have changed and no Sync has been sent", name)
            return True
        try:
            text = raw.decode(self._reported.codec)
        except UnicodeDecodeError:
            self._refuse(message, phase, "RG-T07", f"text that is not {self._reported.codec}", name)
        else:
            if phase != "parse":
                self._decide(message, phase, text)
                return True
            prepared = Prepared(text, types)
            values = None if name else values_ahead(self._waiting)
            if values is None:
                self._decide(message, phase, text, name, prepared=prepared)
            else:  # what is run is decided, once, and its Parse with it
                self._decide(message, "execute", text, prepared=prepared, portal=Portal(prepared, values))
        return True

    def _decide(
        self,
        message: Frame,
        phase: str,
        text: str,
        name: bytes = b"",
        *,
        prepared: Prepared | None = None,
        portal: Portal | None = None,
    ) -> None:
        self._pend(message, phase, text, name, may_be_allowed=True, prepared=prepared, portal=portal)
        codec = "ascii" if self._is_in_doubt else self._reported.codec
        if codec != self._earlier.codec:
            self._earlier = EarlierNames(self._replies, codec)
        parameters = None if portal is None else BoundParameters(portal, codec)
        self._outbox.commands.append(Decide(self._token, phase, text, parameters, self._earlier))

    def _refuse(self, message: Frame, phase: str, code: str, what: str, name: bytes = b"") -> None:
        self._pend(message, phase, "", name, may_be_allowed=False)
        self._outbox.commands.append(Refuse(self._token, phase, code, what))

    def _pend(
        self,
        message: Frame,
        phase: str,
        text: str,
        name: bytes,
        *,
        may_be_allowed: bool,
        prepared: Prepared | None = None,
        portal: Portal | None = None,
    ) -> None:
        self._pending = _Pending(
            self.next_token(), message, phase, text, name, prepared, portal, may_be_allowed=may_be_allowed
        )


_MESSAGES: Final[dict[int, Callable[[RequestLane, Frame], bool]]] = {
    Frontend.QUERY: RequestLane._query,  # noqa: SLF001
    Frontend.PARSE: RequestLane._parse,  # noqa: SLF001
    Frontend.BIND: RequestLane._bind,  # noqa: SLF001
    Frontend.DESCRIBE: RequestLane._describe,  # noqa: SLF001
    Frontend.EXECUTE: RequestLane._execute,  # noqa: SLF001
    Frontend.CLOSE: RequestLane._close,  # noqa: SLF001
    Frontend.FUNCTION_CALL: RequestLane._function_call,  # noqa: SLF001
    Frontend.SYNC: RequestLane._sync,  # noqa: SLF001
    Frontend.FLUSH: RequestLane._flush,  # noqa: SLF001
    Frontend.TERMINATE: RequestLane._terminate,  # noqa: SLF001
    Frontend.PASSWORD: RequestLane._password,  # noqa: SLF001
    Frontend.COPY_DATA: RequestLane._copy,  # noqa: SLF001
    Frontend.COPY_DONE: RequestLane._copy,  # noqa: SLF001
    Frontend.COPY_FAIL: RequestLane._copy,  # noqa: SLF001
}
