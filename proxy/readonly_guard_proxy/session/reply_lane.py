"""The reply lane: the requests that are under way, and what each reply of the server does to them.

It knows what the server knows: which names mean which text, and whether the server is passing over what comes before
the next Sync. What it has learned from the real server:

* After an error in Parse, Bind, Describe, Execute or Close the server passes over everything until Sync. If the Sync
  has been sent, what stood before it is struck from the lane; if not, the lane says `skipping`.
* A substitute is answered with a syntax error unless something else goes wrong first; only that error is exchanged.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from readonly_guard.domain import Decision, Language, Reason
from readonly_guard_proxy.session.commands import Completed
from readonly_guard_proxy.session.consequences import Consequences
from readonly_guard_proxy.session.denial import (
    QUERY_CANCELED,
    SYNTAX_ERROR,
    denial_response,
    statement_timeout_response,
    substitute,
    warning_notice,
)
from readonly_guard_proxy.session.names import Change, Kind, Meaning, NameTable, Portal, Prepared
from readonly_guard_proxy.session.outbox import Outbox
from readonly_guard_proxy.session.replies import SKIPS_UNTIL_SYNC, Entry, Outcome, outcome
from readonly_guard_proxy.wire.framing import Frame, ProtocolViolation
from readonly_guard_proxy.wire.messages import (
    Backend,
    Frontend,
    command_tag,
    error_fields,
    parameter_types,
    rows_of,
    transaction_status,
)

__all__ = ["ReplyLane"]

_LIMIT: Final = 4_096
_RUNS_NOTHING: Final = frozenset({Frontend.PARSE, Frontend.BIND, Frontend.CLOSE, Frontend.DESCRIBE})
_LOST: Final = "08006"  # connection_failure
_ENDS: Final = Outcome.ENDS
_BROKEN: Final = Outcome.BROKEN


class ReplyLane:
    """What is owed by the server, oldest first.

    Args:
        outbox: takes what is to be sent and the completions.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._entries: deque[Entry] = deque()
        self._names = NameTable()
        self._number = 0
        self._sync_at = 0  # number of the last Sync sent
        self._names_altered_at = 0  # number of the last request sent that may alter names by SQL
        self._settled_at = 0  # number of the request that the last ReadyForQuery answered
        self._status = b"I"
        self.skipping = False
        self.skip_cause = ""
        self.server_is_leaving = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way."""
        return not self._entries

    @property
    def is_full(self) -> bool:
        """Whether so much is under way that the client must wait for replies."""
        return len(self._entries) >= _LIMIT

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and the server takes what comes: no transaction has failed or wants a Sync."""
        return not (
            self._entries
            or self.skipping
            or self.server_is_leaving
            or self._status == b"E"
            or self._number != self._settled_at
        )

    @property
    def sent(self) -> int:
        """How many requests have been sent."""
        return self._number

    @property
    def oldest(self) -> int:
        """The number of the oldest request that is under way; there must be one."""
        return self._entries[0].number

    @property
    def holds_transaction(self) -> bool:
        """Whether the server keeps a transaction open: one was begun, or no Sync has ended the implicit one."""
        return self._status != b"I" or self._number != self._settled_at

    def mark_overdue(self) -> None:
        """The oldest request is being cancelled because it took too long: let that be told when it ends by it."""
        self._entries[0].overdue = True

    # ------------------------------------------------------------------ what is sent

    def send(self, message: Frame, *, describes: Prepared | None = None) -> None:
        """Send a request that runs no text and changes no name; of ``describes`` the reply may tell the types."""
        self._append(Entry(kind=message.kind, number=self._next(), describes=describes), message.data)

    def send_sync(self, message: Frame) -> None:
        """Send a Sync: the server stops passing over."""
        self.skipping = False
        self.send(message)
        self._sync_at = self._number

    def send_change(
        self, message: Frame, kind: Kind, name: bytes, meaning: Meaning | None, *, token: int | None = None
    ) -> None:
        """Send a request that, when it succeeds, gives a name this meaning, or with None takes it away.

        It has a token where it was decided by itself.
        """
        change = Change(kind, name, meaning, self._next())
        self._names.send(change)
        self._append(Entry(kind=message.kind, number=change.number, token=token, change=change), message.data)

    def send_released(
        self,
        message: Frame,
        token: int,
        text: str,
        after: Consequences,
        *,
        portal: Portal | None = None,
        warnings: tuple[Reason, ...] = (),
        language: Language = "en",
    ) -> None:
        """Send a request that runs a text which was allowed, by Query or by a portal.

        Its warnings are told before its first reply.
        """
        number = self._next()
        if after.names:
            self._names_altered_at = number
        entry = Entry(
            kind=message.kind,
            number=number,
            token=token,
            text=text,
            prepares=after.prepares,
            declares=after.declares,
            moves_cursors=after.moves_cursors,
            portal=portal,
            warnings=warnings,
            language=language,
            change=self._names.send_query(number) if message.kind == Frontend.QUERY else None,
        )
        self._append(entry, message.data)

    def send_substitute(self, message: Frame, name: bytes, decision: Decision, language: Language) -> None:
        """Send what stands in for a denied request; ``name`` is a denied Parse's statement name."""
        kind, data = substitute(message.kind, name, decision.decision_id)
        number = self._next()
        change = self._names.send_query(number) if kind == Frontend.QUERY else None
        self._append(Entry(kind=kind, number=number, denial=decision, language=language, change=change), data)
        if kind in SKIPS_UNTIL_SYNC:
            # it will fail, so what comes before Sync will be passed over: it need not be decided, nor recorded
            self.skipping = True
            self.skip_cause = SYNTAX_ERROR

    def look_up(self, kind: Kind, name: bytes) -> tuple[bool, Meaning | None]:
        """Whether it is certain by now what a name means, and what, None when it is unknown.

        A change in flight is certain when no Sync and nothing that alters names by SQL was sent since: then what comes
        next cannot run unless it succeeded. What is committed is certain when nothing in flight alters names by SQL.
        An empty lane makes everything certain.
        """
        meaning, number = self._names.look_up(kind, name)
        if number is not None:
            return number > max(self._sync_at, self._names_altered_at), meaning
        return not self._entries or self._names_altered_at < self._entries[0].number, meaning

    def prepared(self, name: bytes) -> Prepared | None:
        """The statement behind a name, with nothing under way; None where it is not known."""
        meaning = self._names.look_up("statement", name)[0]
        return meaning if isinstance(meaning, Prepared) else None

    def settled(self, portal: Portal | None, status: bytes, *, is_parsed: bool) -> None:
        """A turn was sent and answered by itself, and ended in this transaction status.

        Args:
            portal: the unnamed one that it bound, None for a Query.
            status: as ReadyForQuery said it.
            is_parsed: whether the portal's statement was parsed under no name.
        """
        if portal is not None:
            if is_parsed:
                self._names.give("statement", b"", portal.statement)
            if status != b"I":
                self._names.give("portal", b"", portal)
        else:
            self._names.forget_unnamed_portal()
        if status == b"I":
            self._names.forget_portals()
        self._status = status
        self._number += 1
        self._sync_at = self._settled_at = self._number

    def look_up_cursor(self, name: bytes) -> Portal | None:
        """What FETCH reads under a name; None unless that is certain."""
        is_certain = not self._entries or self._names_altered_at < self._entries[0].number
        return self._names.look_up_cursor(name) if is_certain else None

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _append(self, entry: Entry, data: bytes) -> None:
        self._entries.append(entry)
        if data:  # a message of a turn that was unfolded has been sent
            self._outbox.send(data, can_wait=entry.kind in _RUNS_NOTHING)

    # ------------------------------------------------------------------ what comes back

    def take(self, message: Frame, codec: str) -> None:
        """Take a reply of the server that is not asynchronous.

        Args:
            message: the reply.
            codec: of the client's encoding, for an error in the guard's words.

        Raises:
            ProtocolViolation: it cannot be a reply to the oldest request, or there is none.
        """
        if message.kind == Backend.ERROR:
            self._error(message, codec)
        elif self._entries:
            self._success(message, self._entries[0], codec)
        else:
            raise ProtocolViolation(f"message type {chr(message.kind)!r} from the server in reply to nothing")

    def _success(self, message: Frame, entry: Entry, codec: str) -> None:
        if entry.warnings:
            self._warn(entry, codec)
        kind = message.kind
        result = outcome(entry, kind)
        if result is _BROKEN:
            what = "a denied message" if entry.denial is not None else f"message type {chr(entry.kind)!r}"
            raise ProtocolViolation(f"message type {chr(kind)!r} from the server in reply to {what}")
        if kind == Backend.COMMAND_COMPLETE:
            self._command_complete(command_tag(message), entry)
        elif kind == Backend.READY:
            self._status, self._settled_at = transaction_status(message), entry.number
            if self._status == b"I":
                self._names.forget_portals()
        elif kind == Backend.PARAMETER_DESCRIPTION and entry.describes is not None:
            entry.describes.types = parameter_types(message)
        self._pass_on(message.data, entry)
        if result is _ENDS:
            self._entries.popleft()
            if entry.change is not None:
                self._names.commit(entry.change)
            self._complete(entry)

    def _warn(self, entry: Entry, codec: str) -> None:
        for warning in entry.warnings:
            self._outbox.to_client.append(warning_notice(warning, entry.language, codec))
        entry.warnings = ()

    def _command_complete(self, tag: bytes, entry: Entry) -> None:
        rows = rows_of(tag)
        if rows is not None:
            entry.rows = rows + (entry.rows or 0)
        if tag == b"PREPARE":
            if entry.prepares:
                self._names.learn(entry.prepares[0], entry.text)
                entry.prepares = entry.prepares[1:]
            else:
                self._names.forget_statements()  # which name it gave is not known
        elif tag == b"DECLARE CURSOR":
            self._names.forget_cursors()  # a cursor may now stand where a portal did
            if entry.declares:
                name, holds = entry.declares[0]
                entry.declares = entry.declares[1:]
                self._names.declare(name, entry.portal or Portal(Prepared(entry.text), b""), holds=holds)
            else:
                self._names.forget_declared()  # which one it opened is not known
        elif tag in {b"DEALLOCATE ALL", b"DISCARD ALL"}:
            self._names.forget_statements()

    def _error(self, message: Frame, codec: str) -> None:
        fields = error_fields(message)
        is_fatal = fields.get("V", fields.get("S")) != b"ERROR"
        self.server_is_leaving = self.server_is_leaving or is_fatal
        if not self._entries:
            if not is_fatal:
                raise ProtocolViolation("an error from the server in reply to nothing")
            self._outbox.to_client.append(message.data)
            return
        entry = self._entries[0]
        entry.sqlstate = fields.get("C", b"").decode(errors="replace")
        if entry.denial is not None and entry.sqlstate == SYNTAX_ERROR and not is_fatal:
            self._pass_on(denial_response(entry.denial, entry.language, codec), entry)
        elif entry.overdue and entry.sqlstate == QUERY_CANCELED and not is_fatal:
            self._pass_on(statement_timeout_response(codec), entry)
        else:
            self._pass_on(message.data, entry)
        if entry.kind in SKIPS_UNTIL_SYNC and not is_fatal:
            self._pass_over(entry.sqlstate)

    def _pass_over(self, sqlstate: str) -> None:
        """The oldest request failed: it and all behind it until Sync get no further reply."""
        while self._entries and self._entries[0].kind != Frontend.SYNC:
            entry = self._entries.popleft()
            entry.sqlstate = sqlstate
            if entry.change is not None:
                self._names.drop(entry.change)
            self._complete(entry)
        self.skipping = not self._entries
        self.skip_cause = sqlstate

    def _pass_on(self, data: bytes, entry: Entry) -> None:
        entry.bytes_sent += len(data)
        self._outbox.to_client.append(data)

    def _complete(self, entry: Entry) -> None:
        if entry.moves_cursors:  # also where it failed: what it had done by then may stand
            self._names.forget_cursors()
            self._names.forget_declared()
        if entry.token is not None:
            self._outbox.commands.append(Completed(entry.token, entry.rows, entry.bytes_sent, entry.sqlstate))

    def end(self) -> None:
        """The connection ended: nothing more will be answered."""
        for entry in self._entries:
            entry.sqlstate = entry.sqlstate or _LOST
            self._complete(entry)
        self._entries.clear()
        self.skipping = True
        self.skip_cause = _LOST
