"""What one session asks the guard, one question at a time, and what it tells of how that ended."""

from __future__ import annotations

import time  # uvloop's own clock only counts whole milliseconds
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from msgspec.structs import replace

from readonly_guard.asker import Asker
from readonly_guard.domain import Decision, Earlier, Language, Parameters, StatementRequest, Verdict
from readonly_guard_proxy.net.clearance import Clearance
from readonly_guard_proxy.net.measured import MeasuredGuard
from readonly_guard_proxy.net.tasks import Tasks
from readonly_guard_proxy.net.who import Who
from readonly_guard_proxy.session.commands import Completed, Decide, Refuse
from readonly_guard_proxy.session.events import Decided, Event, Failed
from readonly_guard_proxy.wire.turns import WholeReply

__all__ = ["Inquiry"]

_log = structlog.get_logger(__name__)
_ALLOW: Final = Verdict.ALLOW
_now_s: Final = time.monotonic
_LOST: Final = "08006"  # connection_failure
_EXECUTED: Final = frozenset({"query", "execute"})


class Inquiry:
    """The questions of one session.

    Args:
        who: goes into every request for a decision.
        guard: decides.
        tasks: runs the questions that have to be waited for.
        then: called with what comes of a question, `Decided` or `Failed`.

    Attributes:
        who: as far as it is known by now.
        asker: the same as the guard knows it, with what has been declared so far.
        is_open: whether there is a question without an answer.
    """

    def __init__(self, who: Who, guard: MeasuredGuard, tasks: Tasks, then: Callable[[Event], None]) -> None:
        self.who = who
        self.asker = Asker(who.subject, who.initial, who.initial, who.session)
        self.is_open = False
        self._guard = guard
        self._tasks = tasks
        self._then = then
        self._released: dict[int, tuple[str, float]] = {}  # by token: a decision's id, and since when it is under way
        self._is_abandoned = False

    @property
    def language(self) -> Language:
        """Of what the client is told: as it has declared, or else the configured one."""
        match self.asker.declared.language:
            case "sv":
                return "sv"
            case "en":
                return "en"
            case _:
                return self.who.language

    def opened(self, authentication: str) -> str:
        """The server let the client in; gives how the session's opening is told to the log.

        Args:
            authentication: how the server knows who it is, in the words of pg_hba.conf.
        """
        subject = self.who.subject
        # a certificate, which the guard saw itself, says more than the password that was asked for as well
        properties = {"authentication": authentication, **subject.properties}
        self.who = replace(self.who, subject=replace(subject, properties=properties))
        self.asker = Asker(self.who.subject, self.asker.declared, self.who.initial, self.who.session)
        return f"authentication: {properties['authentication']}"

    def ask(self, question: Decide) -> None:
        """Have a text decided."""
        self.is_open = True
        request = self._request(question.phase, question.text, question.parameters, question.earlier)
        token, phase = question.token, question.phase
        try:
            is_decided = self._guard.decide_soon(request, lambda decision: self._decided(token, phase, decision))
        except Exception as error:  # noqa: BLE001  no decision is a denial of everything
            self.undecided(error)
        else:
            if not is_decided:
                self._tasks.start(self._await(token, phase, self._guard.decide(request)))

    def hang_up(self) -> None:
        """The session is over. Nobody listens any more, unless there is a question without an answer."""
        if not self.is_open:
            self._then = _unheard

    def abandon(self) -> None:
        """The session ends, and nobody will tell how what is under way, or is allowed from now on, has ended."""
        self._is_abandoned = True
        self._then = _unheard
        released, self._released = self._released, {}
        for decision_id, since_s in released.values():
            self._guard.ended(decision_id, None, 0, _since(since_s), _LOST)

    def refuse(self, question: Refuse) -> None:
        """Have a refusal recorded."""
        self.is_open = True
        answer = self._guard.refuse(self._request(question.phase, ""), question.code, question.what)
        self._tasks.start(self._await(question.token, question.phase, answer))

    def undecided(self, error: Exception) -> None:
        """There is no decision, nor will there be one."""
        _log.error("no decision", session_id=self.who.session.session_id, error=type(error).__name__)
        self._then(Failed(what="no decision could be made"))

    def complete(self, command: Completed) -> None:
        """Tell how what was released has ended."""
        decision_id, since_s = self._released.pop(command.token)
        self._guard.ended(decision_id, command.rows, command.bytes_sent, _since(since_s), command.sqlstate)

    def complete_turn(self, sent: Clearance, reply: WholeReply) -> None:
        """Tell how a turn has ended that was sent and answered as one."""
        self._guard.ended(sent.decision_id, reply.rows, reply.bytes_sent, _since(sent.since_s), "")

    def unfold(self, sent: Clearance) -> None:
        """A turn was sent as one, and is told of by its decision's token from now on."""
        self._released[sent.turn.token] = (sent.decision_id, sent.since_s)

    def _request(
        self, phase: str, text: str, parameters: Parameters | None = None, earlier: Earlier | None = None
    ) -> StatementRequest:
        asker = self.asker
        return StatementRequest(
            text=text,
            subject=asker.subject,
            declared=asker.declared,
            initial=asker.initial,
            session=asker.session,
            phase=phase,
            parameters=parameters,
            earlier=earlier,
        )

    async def _await(self, token: int, phase: str, answer: Coroutine[Any, Any, Decision]) -> None:
        try:
            decision = await answer
        except Exception as error:  # noqa: BLE001  as in `ask`
            self.undecided(error)
        else:
            self._decided(token, phase, decision)

    def _decided(self, token: int, phase: str, decision: Decision) -> None:
        self.is_open = False
        if self._is_abandoned:
            if decision.verdict is _ALLOW:
                self._guard.ended(decision.decision_id, None, 0, 0, _LOST)
        elif decision.verdict is _ALLOW:
            self._released[token] = (decision.decision_id, _now_s())
            asker = self.asker
            if phase in _EXECUTED and decision.declared is not asker.declared:
                self.asker = Asker(asker.subject, decision.declared, asker.initial, asker.session)
        self._then(Decided(token, decision, self.language))


def _unheard(_event: Event) -> None:
    """What comes of questions once the session that asked them is over."""


def _since(began_s: float) -> int:
    return int((_now_s() - began_s) * 1_000_000)
