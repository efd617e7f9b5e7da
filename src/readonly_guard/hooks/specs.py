"""All hook specifications, in one typed place.

A hook is here only because a plugin in this repository uses it. Shaping hooks are sync and fast; hooks that do I/O
may return an awaitable. A plugin can only make a decision stricter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any, Protocol

import pluggy

from readonly_guard.domain import AccessRequest, Analysis, DecisionRecord, Entry, Login, LogRecord, Reason, Subject
from readonly_guard.errors import LogUnavailable
from readonly_guard.settings import Settings

__all__ = ["PROJECT", "Announced", "HookSpecs", "PatientRegister", "Receipt", "Sink", "hookimpl", "hookspec"]

PROJECT = "readonly_guard"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Receipt(Protocol):
    """A promise that a record is durable: wait for it in either world before anything is released."""

    def wait(self) -> None:
        """Block until the record is durable.

        Raises:
            LogUnavailable: it cannot be made durable.
        """

    def __await__(self) -> Generator[Any, None, None]:
        """The same, without blocking the event loop's other tasks longer than the write itself."""


class Announced(Receipt, Protocol):
    """A receipt that also tells, which spares whoever waits a task."""

    def when_settled(self, then: Callable[[LogUnavailable | None], None]) -> None:
        """Call ``then`` once: with None when the record is durable, or with why it cannot be made so.

        For a running event loop. Called after this returns, unless that is known already.
        """


class Sink(Protocol):
    """Where the log is carried to, by `readonly-guard audit forward`: never on the way of a decision.

    One that has an attribute ``keeps_canonical`` which is true gets entries with their ``canonical`` bytes: it can then
    give the log back as it was written.
    """

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Take records of one chain, in its order; when this returns they are safe there.

        The same records come again after a failure, also after one of the feed's own: a sink knows them by chain and
        number and keeps one.

        Raises:
            Exception: they are not safe; all of them come again, later.
        """

    async def close(self) -> None:
        """Let go of connections. Called after a failure too; the next :meth:`deliver` opens them anew."""


class PatientRegister(Protocol):
    """Knows whose the database's patient keys are; asked by `readonly-guard audit forward`, never for a decision."""

    async def identify(self, patients: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The identifiers of patients (personnummer and the like), the one to be shown first.

        Args:
            patients: keys as decisions name them, ``column:value``. The value is the client's own word.

        Returns:
            Those that were found; a key that is left out is nobody's, as far as this register knows.

        Raises:
            Exception: it cannot be told now; the same keys are asked about again, later.
        """

    async def close(self) -> None:
        """Let go of connections. Called after a failure too; the next :meth:`identify` opens them anew."""


class HookSpecs:
    """What a plugin may implement."""

    @hookspec
    def guard_startup(self, settings: Settings) -> None:
        """The guard starts as guard.toml has it. Sync; a ConfigurationError keeps it from starting."""

    @hookspec
    def resolve_identity(self, login: Login) -> Subject | Reason | None:
        """Whose login this is, a reason to refuse it, or None when the plugin has nothing to say. Sync; no I/O.

        The first that says something counts. Where none does, the subject is the database user.
        """

    @hookspec
    def gather_context(self, request: AccessRequest) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]] | None:
        """Facts for the policies: some of ``user``, ``unit``, ``patients``, ``relations``, ``blocks``.

        Put into the question's ``context.facts``, in the form of the data documents of docs/policies.md, where they
        replace the policies' data on that subject. An awaitable has ``plugins.timeout_s``; what fails or is late
        denies.
        """

    @hookspec
    def review_statement(self, analysis: Analysis, request: AccessRequest) -> list[Reason] | None:
        """Further reasons to deny a text; None or an empty list for none. Sync; no I/O."""

    @hookspec
    def decision_made(self, record: DecisionRecord) -> Receipt | None:
        """Record a decision. The statement is released only when every returned receipt is durable."""

    @hookspec
    def decision_spelt(self, canonical: bytes) -> Receipt | None:
        """As ``decision_made``, which it goes with, for a plugin that keeps a record's JSON as the log has it.

        Called in its place with these bytes, for a decision that repeats another: the record is then not made. Where
        another plugin has ``decision_made`` alone, that is called for all of them.
        """

    @hookspec
    def record_made(self, record: LogRecord) -> None:
        """A completion or a session event, recorded in order but not waited for."""

    @hookspec
    def record_sink(self) -> Sink | None:
        """A place where the log is to be carried. Called once, by the feed only; connects to nothing yet."""

    @hookspec
    def patient_register(self) -> PatientRegister | None:
        """Where patient keys are looked up for the log. Called once, by the feed only; connects to nothing yet."""

    @hookspec
    def guard_shutdown(self) -> Awaitable[None] | None:
        """The guard stops: flush and close."""
