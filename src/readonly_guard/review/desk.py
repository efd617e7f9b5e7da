"""The desk: everything that can be done in a review, with who may do it. Command line and web page both sit at it.

Who may is decided by `standing`. Rules of its own: events selected for a reason of their own are never cleared in bulk;
nothing is signed while the log or the review's own chain is broken, or an event without an answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from readonly_guard.audit import SigningKey, Verification
from readonly_guard.domain import LogRecord, ProtocolRecord, ReadingRecord, ReviewRecord, SelectionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339, utc_now
from readonly_guard.review.event import Event
from readonly_guard.review.ground import Ground
from readonly_guard.review.imported import ImportedLog
from readonly_guard.review.ledger import Case, History, Ledger
from readonly_guard.review.periods import Period
from readonly_guard.review.protocol import chain_text, make_protocol
from readonly_guard.review.selecting import make_selection
from readonly_guard.review.standing import Actor, Standing
from readonly_guard.review.states import CONCLUDED, NotPossible, State, Step, next_state
from readonly_guard.review.steps import check_words, step_record
from readonly_guard.review.store import Store

__all__ = ["Desk"]


class Desk:
    """A review's directory, ready to work with. Make one with :meth:`open`.

    Attributes:
        plan: its review.toml.
        knowledge: the policy's data and the hospital's facts.
        log: the log, checked and imported.
        ledger: the chain of what was done.
        standing: who may do what, and whose turn it is.
        trouble: why a file that has changed is not in force; empty where all are.
    """

    def __init__(
        self, directory: Path, ground: Ground, signing_key: SigningKey | None, clock: Callable[[], datetime]
    ) -> None:
        self.directory = directory
        self.ledger = Ledger(directory, signing_key)
        self.trouble = ""
        self._key = signing_key
        self._clock = clock
        self._renewing = threading.Lock()
        self._ground = ground
        self._refused: object = None
        self.plan, self.knowledge = ground.plan, ground.knowledge
        self.standing = Standing(self.plan, self.knowledge, clock)
        self.log = ImportedLog(directory, self.plan, self.knowledge, self.now_text)

    @classmethod
    def open(cls, directory: Path, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Read the plan of a directory and what it names.

        Raises:
            ConfigurationError: the plan, the policy's data, the facts or the key cannot be used.
        """
        ground = Ground.read(directory)
        key = ground.plan.signing_key
        return cls(directory, ground, None if key is None else SigningKey.load(Path(key)), clock)

    def renew(self) -> None:
        """Take up the plan, the policy's data and the facts where their files have changed; cheap where none has.

        What cannot be used replaces nothing, and is told in `trouble`. The signing key and who may sign in how
        (``signing_key``, ``sign_in``) are taken at the start only.
        """
        if not self._renewing.acquire(blocking=False):
            return  # somebody is at it; what was in force is still
        try:
            looks = self._ground.look()
            if self._ground.is_as(looks):
                self._refused, self.trouble = None, ""
            elif looks != self._refused:
                try:
                    self._take(Ground.read(self.directory))
                except ConfigurationError as error:
                    self._refused, self.trouble = looks, str(error)
        finally:
            self._renewing.release()

    def _take(self, ground: Ground) -> None:
        self.log = self.log.renewed(ground.plan, ground.knowledge)
        self._ground, self.plan, self.knowledge = ground, ground.plan, ground.knowledge
        self.standing = Standing(self.plan, self.knowledge, self._clock)
        self._refused, self.trouble = None, ""

    def now(self) -> datetime:
        """The time by the desk's clock."""
        return self._clock()

    def now_text(self) -> str:
        """The same as RFC 3339."""
        return rfc3339(self._clock())

    # -- selecting ----------------------------------------------------------------------------------------------------

    def select(self, actor: Actor, period: Period, unit: str) -> SelectionRecord:
        """Select the events of a unit and a month, once, and assign them.

        Raises:
            NotPossible: it has been done, or the month is not over or not imported to its end.
            ConfigurationError: the plan does not know the unit.
        """
        if unit not in self.plan.units:
            raise ConfigurationError(f"review.toml has no [units.{unit!r}]; say who reviews it")
        if self.now_text() < period.until:
            raise NotPossible(
                f"{period} is not over; the sample must not be known before",
                f"{period} är inte slut; ingen ska känna till urvalet i förväg.",
            )
        with Store.open(self.log.store_path) as store:
            events, heads = store.of_unit(unit, period), store.period_heads(period)
        if not heads:
            raise NotPossible(
                f"nothing of the log before the end of {period} has been imported",
                f"Inget av loggen före slutet av {period} är inläst.",
            )
        made = make_selection(
            self.plan,
            self.knowledge,
            time=self.now_text(),
            actor=actor,
            period=period,
            unit=unit,
            events=events,
            heads=heads,
        )

        def records(history: History) -> Iterable[LogRecord]:
            if (str(period), unit) in history.selections:
                raise NotPossible(
                    f"{unit} was selected for {period} already; a selection is made once",
                    f"{unit} är redan utvald för {period}; ett urval görs en gång.",
                )
            yield made
            yield from self._assignments(actor, made, {event.decision_id: event for event in events})

        self.ledger.add(records)
        return made

    def _assignments(self, actor: Actor, made: SelectionRecord, events: dict[str, Event]) -> Iterable[ReviewRecord]:
        plan = self.plan.units[made.unit]
        own = tuple(event for event in made.events if self.standing.is_own(plan.reviewer, events[event]))
        others = tuple(event for event in made.events if event not in set(own))
        for reviewer, share in ((plan.reviewer, others), (plan.superior, own)):
            if share:
                yield step_record(self.now_text(), actor, Step.ASSIGN, share, reviewer=reviewer)

    def record_reading(self, actor: Actor, command: str, selection: dict[str, str]) -> None:
        """Record that somebody is about to see events, before they are shown.

        Raises:
            BrokenLog: the review's own chain is not whole.
            ConfigurationError: it cannot be recorded, and so nothing may be shown.
        """
        told = tuple(f"{name}={value}" for name, value in sorted(selection.items()))
        record = ReadingRecord(time=self.now_text(), actor=actor.user, host=actor.via, command=command, selection=told)
        self.ledger.add(lambda _history: [record])

    # -- reviewing ----------------------------------------------------------------------------------------------------

    def take_step(
        self,
        actor: Actor,
        step: Step,
        events: Sequence[str],
        *,
        comment: str = "",
        reference: str = "",
        reviewer: str = "",
    ) -> History:
        """Take a step with one or more events; all of them or none.

        Raises:
            NotPossible: it is not the actor's to take, or not possible for one of the events.
        """
        comment, reference = comment.strip(), reference.strip()
        check_words(step, comment, reference)
        with Store.open(self.log.store_path) as store:
            known = store.named(events)

        def records(history: History) -> Iterable[LogRecord]:
            if not events:
                raise NotPossible("no event was named", "Ingen händelse är angiven.")
            for event in events:
                case = self.standing.case(history, actor, event)
                if event not in known:
                    raise NotPossible(
                        f"{event} is not in the store; import the log again",
                        f"{event} är inte inläst; loggen behöver läsas in på nytt.",
                    )
                if step is Step.ASSIGN:
                    self.standing.check_assignable(case, known[event], reviewer)
                elif (why := self.standing.objection(actor, case, known[event])) is not None:
                    raise why
                next_state(case.state, step)
                if step is Step.CLEAR and len(events) > 1 and case.ground != "sample":
                    raise NotPossible(
                        f"{event} was selected for a reason of its own; look at it by itself",
                        f"{event} är utvald av en särskild anledning; bedöm den för sig.",
                    )
            yield step_record(
                self.now_text(), actor, step, tuple(events), comment=comment, reference=reference, reviewer=reviewer
            )
            closing = tuple(
                event
                for event in events
                if step is Step.ACT and (history.cases[event].period, history.cases[event].unit) in history.protocols
            )
            if closing:
                yield step_record(self.now_text(), actor, Step.CLOSE, closing)

        return self.ledger.add(records)

    # -- signing ------------------------------------------------------------------------------------------------------

    def sign(
        self,
        actor: Actor,
        period: Period,
        unit: str,
        *,
        chains: Sequence[Verification] | None = None,
        seen: Sequence[Case] | None = None,
    ) -> ProtocolRecord:
        """Sign the protocol of a unit and a month, and close what can be closed.

        Args:
            actor: who signs.
            period: the month.
            unit: the care unit.
            chains: how the log was found, by a check that was begun after the actor had decided to sign; without it,
                the log is checked now.
            seen: the events as the actor saw them, where time has passed since.

        Raises:
            BrokenLog: the log or the review's own chain is not whole.
            NotPossible: an event has no answer, it was signed before, or it is not the actor's to sign.
            ConfigurationError: there is no signing key.
        """
        if self._key is None:
            raise ConfigurationError("review.toml names no signing_key; make one: readonly-guard audit keygen FILE")
        found = self.log.verify() if chains is None else chains
        self.ledger.forget()
        signed: list[ProtocolRecord] = []
        key = self._key

        def records(history: History) -> Iterable[LogRecord]:
            if seen is not None and history.of(str(period), unit) != list(seen):
                raise NotPossible(
                    "something was assessed anew while the log was checked; look at it, and sign again",
                    "Något bedömdes om medan loggen kontrollerades. Se efter, och underteckna igen.",
                )
            made = self.protocol(history, actor, period, unit, found)
            signed.append(key.sign(made))
            yield signed[0]
            closing = tuple(
                case.event
                for case in history.of(str(period), unit)
                if case.state in CONCLUDED - {State.ESCALATED, State.CLOSED}
            )
            if closing:
                yield step_record(self.now_text(), actor, Step.CLOSE, closing)

        self.ledger.add(records)
        key.publish(self.ledger.path)
        return signed[0]

    def protocol(
        self, history: History, actor: Actor, period: Period, unit: str, chains: Sequence[Verification]
    ) -> ProtocolRecord:
        """The protocol as it would be signed now.

        Raises:
            NotPossible: as :meth:`sign`.
        """
        if unit not in self.plan.units_of(actor.user):
            raise NotPossible("the unit is not yours", "Enheten är inte din.")
        selection = history.selections.get((str(period), unit))
        if selection is None:
            raise NotPossible(
                f"{unit} has not been selected for {period}: readonly-guard review select",
                f"Inget är utvalt för {unit} i {period}.",
            )
        if (str(period), unit) in history.protocols:
            raise NotPossible(
                f"the protocol of {unit} for {period} is signed already",
                f"Protokollet för {unit} och {period} är redan undertecknat.",
            )
        cases = history.of(str(period), unit)
        open_ = sum(case.state not in CONCLUDED for case in cases)
        if open_:
            raise NotPossible(
                f"{open_} of {len(cases)} events have no answer yet",
                f"{open_} av {len(cases)} händelser är inte bedömda än.",
            )
        with Store.open(self.log.store_path) as store:
            known = store.named(case.event for case in cases)
        lost = [case.event for case in cases if case.event not in known]
        if lost:
            raise NotPossible(
                f"{lost[0]} is not in the store; import the log again",
                f"{lost[0]} är inte inläst; loggen behöver läsas in på nytt.",
            )
        return make_protocol(
            selection,
            cases,
            time=self.now_text(),
            actor=actor.user,
            via=actor.via,
            name=self.knowledge.name_of(actor.user),
            routines={event.routine for event in known.values() if event.routine},
            chains=[chain_text(item) for item in chains],
            ledger=str(history.head),
        )
