"""Guard: a decider with all that belongs to it, opened and closed as one: policies, journal, plugins, catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from readonly_guard.assembly import Parts, assemble
from readonly_guard.audit import CommitWatch, JournalPlugin, Recovery
from readonly_guard.case import Case
from readonly_guard.deciding import Decider
from readonly_guard.domain import (
    Analysis,
    Decision,
    Declared,
    Session,
    StatementRequest,
    Subject,
)
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import utc_now
from readonly_guard.policy import OpaServer
from readonly_guard.settings import (
    CatalogSettings,
    JournalSettings,
    PolicySettings,
    ReadingSettings,
    Settings,
)
from readonly_guard.sql import (
    Bounds,
    prepare_reading,
)
from readonly_guard.texts import Texts

__all__ = ["Guard"]


class Guard(Decider):
    """Decides whether a statement may be released, and records that before it says so.

    Make one with :meth:`open`; construct directly only to bring your own policy decision point, hooks, clock or ids.
    Not for use from several threads at once; many tasks of one event loop are fine.

    Attributes:
        recovery: what opening the journal had to repair; None where this guard did not open one.
    """

    recovery: Recovery | None = None
    _log: JournalPlugin | None = None

    @classmethod
    def open(
        cls,
        *,
        journal: str | Path | None,
        policies: str | Path | None = None,
        data: Iterable[str | Path] = (),
        durability: str = "fsync",
        reading: ReadingSettings | None = None,
        catalog: str | Path | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """A guard with the embedded policy engine.

        Args:
            journal: directory of the log; made when missing. None records nothing: for rehearsals only, nothing may
                be released on such a decision.
            policies: a directory of Rego; None for the shipped policies.
            data: JSON files or directories laid over the policies' data (roster, routine …).
            durability: ``fsync`` or ``buffered``, see :class:`readonly_guard.settings.JournalSettings`.
            reading: table classes, patient keys and the like of the database; None for the synthetic one's.
            catalog: a file that ``readonly-guard catalog snapshot`` wrote: what reading runs in the database. Without
                one, only built-in functions, operators and types are known, and what views run is not seen.
            clock: gives the time of a decision, timezone-aware.

        Raises:
            ConfigurationError: a policy, data document or the journal cannot be opened.
        """
        if durability not in {"fsync", "buffered"}:
            raise ConfigurationError(f"durability is {durability!r}; it is 'fsync' or 'buffered'")
        prepare_reading()  # or the first text would wait for it
        parts = assemble(
            policy=PolicySettings(
                source=None if policies is None else str(policies), data=tuple(str(item) for item in data)
            ),
            journal=None if journal is None else JournalSettings(path=str(journal), durability=durability),  # type: ignore[arg-type]
            reading=reading or ReadingSettings(),
            catalog=CatalogSettings(snapshot=None if catalog is None else str(catalog)),
            bounds=Bounds(),
            settings=None,
            clock=clock,
        )
        return cls._of(parts, clock)

    @classmethod
    def from_settings(cls, settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """A guard as a guard.toml describes it.

        Raises:
            ConfigurationError: a policy, data document, plugin or the journal cannot be opened.
        """
        parts = assemble(
            policy=settings.policy,
            journal=settings.journal,
            reading=settings.reading,
            catalog=settings.catalog,
            bounds=Bounds.of(settings.limits),
            settings=settings,
            clock=clock,
        )
        return cls._of(parts, clock)

    @classmethod
    def _of(cls, parts: Parts, clock: Callable[[], datetime]) -> Self:
        made = cls(analyzer=parts.analyzer, pdp=parts.pdp, hooks=parts.hooks, clock=clock)
        made._texts = Texts(parts.analyzer, None, parts.without_catalog)
        made.resolve_with(parts.catalog)
        made._facts_deadline_s, made._modes = parts.facts_deadline_s, parts.modes
        made._log, made.recovery = parts.log, parts.recovery
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Flush and close the plugins, the journal among them."""
        for pending in self._hooks.shutdown():
            close = getattr(pending, "close", None)  # an awaitable cannot be awaited here: the proxy uses aclose()
            if close is not None:
                close()

    async def aclose(self) -> None:
        """As :meth:`close`, for a running event loop."""
        for pending in self._hooks.shutdown():
            await pending
        if isinstance(self._pdp, OpaServer):
            await self._pdp.aclose()

    def watch_log(self, watch: CommitWatch) -> None:
        """Tell ``watch`` of every commit of the log from now on; of none where this guard did not open one."""
        if self._log is not None:
            self._log.watch(watch)

    async def check_policies(self) -> None:
        """See whether the policies answer now, with a question about nobody and nothing, which is not recorded.

        Raises:
            PolicyUnavailable: they do not; the text says why.
        """
        nobody = StatementRequest(text="", subject=Subject(id=""))
        await self._pdp.decide(Case(nobody, Analysis(), self._new_id(), self._stamp()).question)

    def check_log(self) -> None:
        """See whether a decision could be recorded now, without recording one; as long as a commit takes.

        Raises:
            LogUnavailable: it could not; the text says why.
        """
        if self._log is not None:
            self._log.check()

    def check(
        self,
        sql: str,
        *,
        subject: str | Subject,
        purpose: str | None = None,
        case_reference: str | None = None,
        print_reason: str | None = None,
        justification: str | None = None,
        session: Session | None = None,
    ) -> Decision:
        """Decide now, without an event loop.

        Args:
            sql: the whole text that would be sent, one or several statements.
            subject: the authenticated user, by name or whole.
            purpose: why, an HL7 v3 ActReason code (``TREAT``); what is needed is the policy's to say.
            case_reference: for purposes that want one.
            print_reason: ``MEDICAL_NEED`` or ``PATIENT_REQUEST``; declares that what is read is printed.
            justification: why emergency access is needed.
            session: where the request came from.

        Returns:
            The decision, already recorded. It never raises for what the text, policy or log does: that is a denial.

        Raises:
            ConfigurationError: the policy decision point needs an event loop; use :meth:`decide`.
        """
        declared = Declared(
            purpose=purpose, case_reference=case_reference, print_reason=print_reason, justification=justification
        )
        request = StatementRequest(
            text=sql,
            subject=Subject(id=subject) if isinstance(subject, str) else subject,
            declared=declared,
            initial=declared,
            session=session or Session(),
        )
        return self.decide_blocking(request)
