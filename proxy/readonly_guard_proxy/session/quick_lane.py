"""The quick lane: a turn that is taken as one, where nothing else is under way and nothing is to be decided about it.

It makes no difference but in time. A turn that is sent this way can at any moment be unfolded: then the two lanes stand
as if its messages had come one by one, and go on from there. That is done as soon as anything happens but the one thing
that nearly always does: the whole reply, in one piece, in which nothing went wrong.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from readonly_guard.domain import Parameters
from readonly_guard_proxy.session.consequences import NO_CONSEQUENCES
from readonly_guard_proxy.session.names import Portal, Prepared
from readonly_guard_proxy.session.parameters import BoundParameters
from readonly_guard_proxy.session.reply_lane import ReplyLane
from readonly_guard_proxy.session.reported import Reported
from readonly_guard_proxy.session.request_lane import RequestLane, of_own_type
from readonly_guard_proxy.wire.framing import Frame
from readonly_guard_proxy.wire.messages import Frontend, ParseMessage, read_parse
from readonly_guard_proxy.wire.turns import TurnMessages, WholeReply, read_reply, read_turn

__all__ = ["QuickLane", "Turn"]

_NOTHING: Final = Prepared("")
_KEPT_BYTES: Final = 4_096
"""A Parse that is longer is read each time: the texts of idle sessions are not to fill the memory twice."""

_QUERY: Final = Frame(Frontend.QUERY, b"")  # without data: it has been sent
_PARSE: Final = Frame(Frontend.PARSE, b"")
_BIND: Final = Frame(Frontend.BIND, b"")
_DESCRIBE: Final = Frame(Frontend.DESCRIBE, b"")
_EXECUTE: Final = Frame(Frontend.EXECUTE, b"")
_SYNC: Final = Frame(Frontend.SYNC, b"")


class Turn:
    """A turn whose texts are known: what has to be decided about it.

    Args:
        messages: as the client sent them.
        text: that it runs.
        portal: that runs it, None for a Query.
        parameters: of the portal.
        number: its place among the requests once it is sent; before that another one, below zero, for each.
        told: the codes of the warnings that the session has been told of.
        is_touched: the end of the transaction may undo a change of the client's encoding.
    """

    __slots__ = (
        "_is_touched", "_told", "messages", "number", "parameters", "portal", "text", "token",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  one caller
        self,
        messages: TurnMessages,
        text: str,
        portal: Portal | None,
        parameters: Parameters | None,
        number: int,
        told: AbstractSet[str],
        is_touched: bool,  # noqa: FBT001  as above
    ) -> None:
        self.messages: Final = messages
        self.text: Final = text
        self.portal: Final = portal
        self.parameters: Final = parameters
        self.number = number
        self._told: Final = told
        self._is_touched: Final = is_touched
        self.token = 0

    def can_be(self, warnings: AbstractSet[str], *, moves: bool) -> bool:
        """Whether it can go as one where running its text warns of this, or may begin or end a transaction.

        What is news has to be told before its reply, and what is in another encoding afterwards is not to be read
        before that is reported: both are the two lanes' to do.
        """
        return warnings <= self._told and not (moves and self._is_touched)

    @property
    def phase(self) -> str:
        """Of the text that it runs; a Parse of it, where :attr:`has_parse`, is decided with it."""
        return "query" if self.portal is None else "execute"

    @property
    def has_parse(self) -> bool:
        """Whether the text is also parsed."""
        return self.messages.parse is not None


class QuickLane:
    """The turn of one session that is under way as one.

    Args:
        requests: one of the two lanes, to see that nothing waits there, and for the numbers of decisions.
        replies: the other, to see that nothing is under way there, and to unfold into.
        reported: knows the client's encoding.
    """

    def __init__(self, requests: RequestLane, replies: ReplyLane, reported: Reported) -> None:
        self._requests = requests
        self._replies = replies
        self._reported = reported
        self._parsed = b""  # the last Parse, in which encoding it was read, and what it prepared
        self._codec = ""
        self._prepared = _NOTHING
        self._types = self._prepared.types
        self.turn: Turn | None = None

    def offer(self, data: bytes) -> Turn | None:
        """The turn that these bytes of the client are, if it can be sent as one; nothing is changed by asking."""
        if self.turn is not None or self._reported.in_doubt or not (self._requests.is_idle and self._replies.is_idle):
            return None
        messages = read_turn(data)
        if messages is None:
            return None
        codec, number = self._reported.codec, -1 - self._requests.asked  # as the next decision's, were it asked for
        if messages.text is not None:
            text = _decoded(messages.text, codec)
            return None if text is None else self._turn(messages, text, None, None, number)
        statement = self._statement(messages, codec)
        if statement is None:
            return None
        portal = Portal(statement, messages.values)
        return self._turn(messages, statement.text, portal, BoundParameters(portal, codec), number)

    def _turn(
        self, messages: TurnMessages, text: str, portal: Portal | None, parameters: Parameters | None, number: int
    ) -> Turn:
        return Turn(messages, text, portal, parameters, number, self._requests.told, self._reported.is_touched)

    def _statement(self, messages: TurnMessages, codec: str) -> Prepared | None:
        if messages.parse is None:
            return self._replies.prepared(messages.statement)
        prepared = self._prepared
        if (
            messages.parse == self._parsed
            and codec == self._codec
            and self._replies.prepared(b"") is prepared
            and prepared.types is self._types  # a Describe may have told others since
        ):
            return prepared
        try:
            parse: ParseMessage = read_parse(Frame(Frontend.PARSE, messages.parse))
        except ValueError:
            return None
        text = _decoded(parse.text, codec)
        if text is None or of_own_type(parse.types):
            return None
        return Prepared(text, parse.types)

    def release(self, turn: Turn) -> None:
        """The turn was allowed and is sent."""
        turn.token = self._requests.next_token()
        turn.number = self._replies.sent + 1
        self.turn = turn

    def settle(self, data: bytes) -> WholeReply | None:
        """Take these bytes of the server as the whole reply; None, and nothing is changed, where they are not that."""
        turn = self.turn
        if turn is None:
            return None
        reply = read_reply(data, turn.messages)
        if reply is None:
            return None
        self.turn = None
        if turn.portal is not None and turn.has_parse:
            parse = turn.messages.parse
            if parse is not None and len(parse) <= _KEPT_BYTES:
                self._parsed, self._codec = parse, self._reported.codec
                self._prepared, self._types = turn.portal.statement, turn.portal.statement.types
        self._replies.settled(turn.portal, reply.status, is_parsed=turn.has_parse)
        self._reported.ready(reply.status)
        return reply

    def unfold(self) -> None:
        """Let the lanes stand as if the messages of the turn had come one by one."""
        turn, replies = self.turn, self._replies
        if turn is None:
            return
        self.turn = None
        if turn.portal is None:
            replies.send_released(_QUERY, turn.token, turn.text, NO_CONSEQUENCES)
            return
        if turn.has_parse:
            replies.send_change(_PARSE, "statement", b"", turn.portal.statement)
        replies.send_change(_BIND, "portal", b"", turn.portal)
        if turn.messages.describes:
            replies.send(_DESCRIBE)
        replies.send_released(_EXECUTE, turn.token, turn.text, NO_CONSEQUENCES, portal=turn.portal)
        replies.send_sync(_SYNC)


def _decoded(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None
