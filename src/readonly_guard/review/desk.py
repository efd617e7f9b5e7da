"""The desk: everything that can be done in a review, with who may do it. Command line and web page both sit at it.

Rules, each here and nowhere else: a reviewer sees only the units of theirs; nobody reviews their own accesses; what is
overdue is the superior's; events selected for a reason of their own are never cleared in bulk; nothing is signed while
the log or the review's own chain is broken, or an event without an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

import msgspec

from readonly_guard.audit import SigningKey, Verification, read_anchors
from readonly_guard.audit.chains import CUSTODY
from readonly_guard.domain import LogRecord, ProtocolRecord, ReadingRecord, ReviewRecord, SelectionRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339, utc_now
from readonly_guard.policy import load_policies
from readonly_guard.review.flags import Surroundings, flags_of, undecided
from readonly_guard.review.knowledge import Facts, Knowledge, load_facts
from readonly_guard.review.ledger import Case, History, Ledger
from readonly_guard.review.periods import Period
from readonly_guard.review.plan import ReviewPlan, load_plan
from readonly_guard.review.protocol import chain_text, make_protocol
from readonly_guard.review.sampling import draw, sample_size, seed_of
from readonly_guard.review.states import CONCLUDED, NotPossible, State, Step, next_state
from readonly_guard.review.store import Event, Store, check_log

__all__ = ["Actor", "Desk", "Imported"]

STORE: Final = "events.duckdb"
_SHORTEST_COMMENT: Final = 3
_LONGEST_COMMENT: Final = 2_000
_LONGEST_REFERENCE: Final = 64

_NEEDS_COMMENT: Final = frozenset({Step.ASK, Step.JUSTIFY, Step.REMARK, Step.ACT, Step.RECONSIDER})


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, as a database user of the roster, and through what (``web``, ``cli:`` and an OS user)."""

    user: str
    via: str


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import brought: the new decisions, and how every chain was found."""

    decisions: int
    chains: tuple[Verification, ...]


class Desk:
    """A review's directory, ready to work with. Make one with :meth:`open`.

    Attributes:
        plan: its review.toml.
        knowledge: the policy's data and the hospital's facts.
        store_path: the analytic store.
        ledger: the chain of what was done.
    """

    def __init__(
        self,
        directory: Path,
        plan: ReviewPlan,
        knowledge: Knowledge,
        signing_key: SigningKey | None,
        clock: Callable[[], datetime],
    ) -> None:
        self.directory = directory
        self.plan = plan
        self.knowledge = knowledge
        self.store_path = directory / STORE
        self.ledger = Ledger(directory, signing_key)
        self._key = signing_key
        self._clock = clock

    @classmethod
    def open(cls, directory: Path, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Read the plan of a directory and what it names.

        Raises:
            ConfigurationError: the plan, the policy's data, the facts or the key cannot be used.
        """
        plan = load_plan(directory)
        policies = load_policies(plan.policies, plan.data)
        facts = Facts() if plan.facts is None else load_facts(Path(plan.facts))
        key = None if plan.signing_key is None else SigningKey.load(Path(plan.signing_key))
        return cls(directory, plan, Knowledge.of(policies.data, facts, policies.revision), key, clock)

    # -- the log ------------------------------------------------------------------------------------------------------

    def verify_log(self) -> list[Verification]:
        """Check every chain of the log, against the heads that were imported and those kept elsewhere.

        Raises:
            BrokenLog: a chain is not whole, or no longer holds what was imported.
        """
        found = self._verified()
        return [item for verified in found.values() for item in verified]

    def import_log(self) -> Imported:
        """Bring the store up to date with the log, which is verified first.

        Raises:
            BrokenLog: a chain is not whole; nothing is imported.
        """
        found = self._verified()
        with Store.open(self.store_path, is_written=True) as store:
            count = sum(
                store.take(path, item) for path, verified in found.items() for item in verified if item.chain != CUSTODY
            )
        return Imported(decisions=count, chains=tuple(item for verified in found.values() for item in verified))

    def _verified(self) -> dict[Path, list[Verification]]:
        anchors = [] if self.plan.anchors is None else read_anchors(Path(self.plan.anchors))
        if self.store_path.exists():
            with Store.open(self.store_path) as store:
                anchors += store.heads()
        return check_log(self.plan.journals, public_keys=self.plan.public_keys, anchors=anchors)

    # -- selecting ----------------------------------------------------------------------------------------------------

    def select(self, actor: Actor, period: Period, unit: str) -> SelectionRecord:
        """Select the events of a unit and a month, once, and assign them.

        Raises:
            NotPossible: it has been done, or the month is not over or not imported to its end.
            ConfigurationError: the plan does not know the unit.
        """
        if unit not in self.plan.units:
            raise ConfigurationError(f"review.toml has no [units.{unit!r}]; say who reviews it")
        if self._now() < period.until:
            raise NotPossible(f"{period} is not over; the sample must not be known before")
        with Store.open(self.store_path) as store:
            events, heads = store.of_unit(unit, period), store.period_heads(period)
        if not heads:
            raise NotPossible(f"nothing of the log before the end of {period} has been imported")
        made = self._selection(actor, period, unit, events, heads)

        def records(history: History) -> Iterable[LogRecord]:
            if (str(period), unit) in history.selections:
                raise NotPossible(f"{unit} was selected for {period} already; a selection is made once")
            yield made
            yield from self._assignments(actor, made, {event.decision_id: event for event in events})

        self.ledger.add(records)
        return made

    def _selection(
        self, actor: Actor, period: Period, unit: str, events: Sequence[Event], heads: tuple[str, ...]
    ) -> SelectionRecord:
        around = Surroundings(events, self.knowledge, self.plan.thresholds)
        flags = {event.decision_id: flags_of(event, around) for event in events}
        informative = frozenset(self.plan.thresholds.informative)
        grounds = {
            event.decision_id: _ground(event, frozenset(flags[event.decision_id]) - informative) for event in events
        }
        rest = [event.decision_id for event in events if not grounds[event.decision_id]]
        seed = seed_of(str(period), unit, heads)
        size = sample_size(len(rest), minimum=self.plan.sample.minimum, percent=self.plan.sample.percent)
        grounds |= dict.fromkeys(draw(rest, seed, size), "sample")
        chosen = [event.decision_id for event in events if grounds[event.decision_id]]
        return SelectionRecord(
            time=self._now(),
            actor=actor.user,
            via=actor.via,
            period=str(period),
            unit=unit,
            heads=heads,
            seed=seed,
            sample_minimum=self.plan.sample.minimum,
            sample_percent=self.plan.sample.percent,
            population=len(events),
            rest=len(rest),
            events=tuple(chosen),
            grounds=tuple(grounds[event] for event in chosen),
            flags=tuple(",".join(flags[event]) for event in chosen),
            undecided=undecided(self.knowledge.facts),
            policy_revision=self.knowledge.revision,
        )

    def _assignments(self, actor: Actor, made: SelectionRecord, events: dict[str, Event]) -> Iterable[ReviewRecord]:
        plan = self.plan.units[made.unit]
        own = tuple(event for event in made.events if self._is_own(plan.reviewer, events[event]))
        others = tuple(event for event in made.events if event not in set(own))
        for reviewer, share in ((plan.reviewer, others), (plan.superior, own)):
            if share:
                yield self._step(actor, Step.ASSIGN, share, reviewer=reviewer)

    def record_reading(self, actor: Actor, command: str, selection: dict[str, str]) -> None:
        """Record that somebody is about to see events, before they are shown.

        Raises:
            BrokenLog: the review's own chain is not whole.
            ConfigurationError: it cannot be recorded, and so nothing may be shown.
        """
        told = tuple(f"{name}={value}" for name, value in sorted(selection.items()))
        record = ReadingRecord(time=self._now(), actor=actor.user, host=actor.via, command=command, selection=told)
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
        self._check_words(step, comment, reference)
        with Store.open(self.store_path) as store:
            known = store.named(events)

        def records(history: History) -> Iterable[LogRecord]:
            if not events:
                raise NotPossible("no event was named")
            for event in events:
                case = self._case(history, actor, event)
                if event not in known:
                    raise NotPossible(f"{event} is not in the store; import the log again")
                if step is Step.ASSIGN:
                    self._check_assignable(case, known[event], reviewer)
                else:
                    self._check_mine(actor, case, known[event])
                next_state(case.state, step)
                if step is Step.CLEAR and len(events) > 1 and case.ground != "sample":
                    raise NotPossible(f"{event} was selected for a reason of its own; look at it by itself")
            yield self._step(actor, step, tuple(events), comment=comment, reference=reference, reviewer=reviewer)
            closing = tuple(
                event
                for event in events
                if step is Step.ACT and (history.cases[event].period, history.cases[event].unit) in history.protocols
            )
            if closing:
                yield self._step(actor, Step.CLOSE, closing)

        return self.ledger.add(records)

    def case(self, history: History, actor: Actor, event: str) -> Case:
        """An event that the actor may see.

        Raises:
            NotPossible: there is none of that id among the actor's units; which of both is not told.
        """
        return self._case(history, actor, event)

    def is_overdue(self, case: Case) -> bool:
        """Whether nobody has answered in time."""
        due = datetime.fromisoformat(case.selected_at) + timedelta(days=self.plan.overdue_days)
        return case.state not in CONCLUDED and self._clock() >= due

    def responsible(self, case: Case) -> str:
        """Who has to act: the reviewer, or the superior for what is overdue."""
        superior = self.plan.units[case.unit].superior if case.unit in self.plan.units else ""
        return superior if superior and self.is_overdue(case) else case.reviewer

    # -- signing ------------------------------------------------------------------------------------------------------

    def sign(self, actor: Actor, period: Period, unit: str) -> ProtocolRecord:
        """Sign the protocol of a unit and a month, and close what can be closed.

        Raises:
            BrokenLog: the log or the review's own chain is not whole.
            NotPossible: an event has no answer, it was signed before, or it is not the actor's to sign.
            ConfigurationError: there is no signing key.
        """
        if self._key is None:
            raise ConfigurationError("review.toml names no signing_key; make one: readonly-guard audit keygen FILE")
        chains = self.verify_log()
        signed: list[ProtocolRecord] = []
        key = self._key

        def records(history: History) -> Iterable[LogRecord]:
            made = self.protocol(history, actor, period, unit, chains)
            signed.append(key.sign(made))
            yield signed[0]
            closing = tuple(
                case.event
                for case in history.of(str(period), unit)
                if case.state in CONCLUDED - {State.ESCALATED, State.CLOSED}
            )
            if closing:
                yield self._step(actor, Step.CLOSE, closing)

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
            raise NotPossible("the unit is not yours")
        selection = history.selections.get((str(period), unit))
        if selection is None:
            raise NotPossible(f"{unit} has not been selected for {period}: readonly-guard review select")
        if (str(period), unit) in history.protocols:
            raise NotPossible(f"the protocol of {unit} for {period} is signed already")
        cases = history.of(str(period), unit)
        open_ = sum(case.state not in CONCLUDED for case in cases)
        if open_:
            raise NotPossible(f"{open_} of {len(cases)} events have no answer yet")
        with Store.open(self.store_path) as store:
            known = store.named(case.event for case in cases)
        lost = [case.event for case in cases if case.event not in known]
        if lost:
            raise NotPossible(f"{lost[0]} is not in the store; import the log again")
        return make_protocol(
            selection,
            cases,
            time=self._now(),
            actor=actor.user,
            via=actor.via,
            name=self.knowledge.name_of(actor.user),
            routines={event.routine for event in known.values() if event.routine},
            chains=[chain_text(item) for item in chains],
            ledger=str(history.head),
        )

    # -- who may ------------------------------------------------------------------------------------------------------

    def _case(self, history: History, actor: Actor, event: str) -> Case:
        case = history.cases.get(event)
        if case is None or case.unit not in self.plan.units_of(actor.user):
            raise NotPossible(f"no event {event!r} among those of your units")
        return case

    def _check_mine(self, actor: Actor, case: Case, event: Event) -> None:
        if self._is_own(actor.user, event):
            raise NotPossible("it is your own access; nobody reviews their own")
        superior = self.plan.units[case.unit].superior
        if actor.user not in {self.responsible(case), superior}:
            raise NotPossible(f"it is for {self.responsible(case)} to review")

    def _check_assignable(self, case: Case, event: Event, reviewer: str) -> None:
        unit = self.plan.units[case.unit]
        if reviewer not in {unit.reviewer, unit.superior}:
            raise NotPossible(f"{case.unit} is reviewed by {unit.reviewer} or {unit.superior}, not by {reviewer!r}")
        if self._is_own(reviewer, event):
            raise NotPossible(f"it is {reviewer}'s own access; nobody reviews their own")

    def _is_own(self, user: str, event: Event) -> bool:
        member = self.knowledge.members.get(user)
        return user == event.subject or (member is not None and bool(event.hsa_id) and member.hsa_id == event.hsa_id)

    @staticmethod
    def _check_words(step: Step, comment: str, reference: str) -> None:
        if step in _NEEDS_COMMENT and len(comment) < _SHORTEST_COMMENT:
            raise NotPossible(f"{step}: a comment is needed")
        if len(comment) > _LONGEST_COMMENT:
            raise NotPossible(f"the comment is longer than {_LONGEST_COMMENT} characters")
        if step is Step.ESCALATE and not reference:
            raise NotPossible("escalate: the number of the case in MedControl PRO is needed")
        if len(reference) > _LONGEST_REFERENCE or not reference.isprintable():
            raise NotPossible(f"the case number is printable text of at most {_LONGEST_REFERENCE} characters")
        if step is Step.CLOSE:
            raise NotPossible("events are closed by signing the protocol")

    def _step(
        self,
        actor: Actor,
        step: Step,
        events: tuple[str, ...],
        *,
        comment: str = "",
        reference: str = "",
        reviewer: str = "",
    ) -> ReviewRecord:
        return ReviewRecord(
            time=self._now(),
            actor=actor.user,
            via=actor.via,
            step=step.value,
            events=events,
            comment=comment,
            reviewer=reviewer,
            reference=reference,
        )

    def _now(self) -> str:
        return rfc3339(self._clock())


def _ground(event: Event, flags: frozenset[str]) -> str:
    """Why an event is selected by itself; empty when it is not."""
    if event.purpose == "ETREAT":
        return "emergency"
    if event.action == "print":
        return "print"
    if event.is_denied_write:
        return "write"
    return "flag" if flags else ""
