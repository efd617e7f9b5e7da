"""Who may do what with an event, and whose turn it is. Each rule is here and nowhere else.

A reviewer sees only the units of theirs; nobody reviews their own accesses; what is overdue is the superior's too.
Officers look after the log as a whole: they see every unit's figures and assess nothing by being one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from readonly_guard.review.event import Event
from readonly_guard.review.knowledge import Knowledge
from readonly_guard.review.ledger import Case, History
from readonly_guard.review.plan import ReviewPlan
from readonly_guard.review.states import CONCLUDED, NotPossible

__all__ = ["Actor", "Standing"]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, as a database user of the roster, and through what (``web``, ``cli:`` and an OS user)."""

    user: str
    via: str


class Standing:
    """The rules over a plan, what is known of people, and the time."""

    def __init__(self, plan: ReviewPlan, knowledge: Knowledge, clock: Callable[[], datetime]) -> None:
        self._plan = plan
        self._knowledge = knowledge
        self._clock = clock

    def is_officer(self, user: str) -> bool:
        """Whether the plan names the user as one who looks after the log as a whole."""
        return user in self._plan.officers

    def may_sign_in(self, user: str) -> bool:
        """Whether the user has any business at the page: reviews a unit, or is an officer."""
        return self.is_officer(user) or bool(self._plan.units_of(user))

    def figures_of(self, user: str) -> list[str]:
        """The units whose figures a user may see: all for an officer, otherwise those that they review."""
        return sorted(self._plan.units) if self.is_officer(user) else self._plan.units_of(user)

    def check_officer(self, actor: Actor) -> None:
        """That the actor looks after the log as a whole.

        Raises:
            NotPossible: the plan does not name them.
        """
        if not self.is_officer(actor.user):
            raise NotPossible(
                "that is for those whom review.toml names as officers",
                "Det är för dem som sköter loggen (officers i review.toml).",
            )

    def case(self, history: History, actor: Actor, event: str) -> Case:
        """An event that the actor may see.

        Raises:
            NotPossible: there is none of that id among the actor's units; which of both is not told.
        """
        case = history.cases.get(event)
        if case is None or case.unit not in self._plan.units_of(actor.user):
            raise NotPossible(
                f"no event {event!r} among those of your units", f"Händelsen {event!r} finns inte bland dina enheters."
            )
        return case

    def is_overdue(self, case: Case) -> bool:
        """Whether nobody has answered in time."""
        due = datetime.fromisoformat(case.selected_at) + timedelta(days=self._plan.overdue_days)
        return case.state not in CONCLUDED and self._clock() >= due

    def responsible(self, case: Case) -> str:
        """Who has to act: the reviewer, or the superior for what is overdue."""
        superior = self._plan.units[case.unit].superior if case.unit in self._plan.units else ""
        return superior if superior and self.is_overdue(case) else case.reviewer

    def objection(self, actor: Actor, case: Case, event: Event) -> NotPossible | None:
        """Why the event is not the actor's to assess; None when it is."""
        if self.is_own(actor.user, event):
            return NotPossible(
                "it is your own access; nobody reviews their own", "Det är din egen åtkomst; ingen granskar sina egna."
            )
        if actor.user not in {self.responsible(case), self._plan.units[case.unit].superior}:
            return NotPossible(
                f"it is for {self.responsible(case)} to review", f"{self.responsible(case)} granskar den."
            )
        return None

    def check_assignable(self, case: Case, event: Event, reviewer: str) -> None:
        """That an event can be handed to somebody.

        Raises:
            NotPossible: they do not review its unit, or it is their own access.
        """
        unit = self._plan.units[case.unit]
        if reviewer not in {unit.reviewer, unit.superior}:
            raise NotPossible(
                f"{case.unit} is reviewed by {unit.reviewer} or {unit.superior}, not by {reviewer!r}",
                f"{case.unit} granskas av {unit.reviewer} eller {unit.superior}, inte av {reviewer!r}.",
            )
        if self.is_own(reviewer, event):
            raise NotPossible(
                f"it is {reviewer}'s own access; nobody reviews their own",
                f"Det är en egen åtkomst av {reviewer}; ingen granskar sina egna.",
            )

    def is_own(self, user: str, event: Event) -> bool:
        """Whether it is the user's own access, under whatever name."""
        member = self._knowledge.members.get(user)
        return user == event.subject or (member is not None and bool(event.hsa_id) and member.hsa_id == event.hsa_id)
