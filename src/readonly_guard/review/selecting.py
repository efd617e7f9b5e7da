"""Which events of a unit and a month are to be reviewed: by their ground, by their flags, by the sample. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from readonly_guard.domain import SelectionRecord
from readonly_guard.review.event import Event
from readonly_guard.review.flags import Surroundings, flags_of, undecided
from readonly_guard.review.knowledge import Knowledge
from readonly_guard.review.periods import Period
from readonly_guard.review.plan import ReviewPlan
from readonly_guard.review.sampling import draw, sample_size, seed_of
from readonly_guard.review.standing import Actor

__all__ = ["make_selection"]


def make_selection(
    plan: ReviewPlan,
    knowledge: Knowledge,
    *,
    time: str,
    actor: Actor,
    period: Period,
    unit: str,
    events: Sequence[Event],
    heads: tuple[str, ...],
) -> SelectionRecord:
    """The selection from all events of a unit and a month.

    Args:
        plan: how many, and from when on something stands out.
        knowledge: what flags are decided with.
        time: when it is made.
        actor: by whom.
        period: the month.
        unit: the care unit.
        events: all that may be reviewed.
        heads: of the log's chains at the month's end; the seed is made of them.
    """
    around = Surroundings(events, knowledge, plan.thresholds)
    flags = {event.decision_id: flags_of(event, around) for event in events}
    informative = frozenset(plan.thresholds.informative)
    grounds = {event.decision_id: _ground(event, frozenset(flags[event.decision_id]) - informative) for event in events}
    rest = [event.decision_id for event in events if not grounds[event.decision_id]]
    seed = seed_of(str(period), unit, heads)
    size = sample_size(len(rest), minimum=plan.sample.minimum, percent=plan.sample.percent)
    grounds |= dict.fromkeys(draw(rest, seed, size), "sample")
    chosen = [event.decision_id for event in events if grounds[event.decision_id]]
    return SelectionRecord(
        time=time,
        actor=actor.user,
        via=actor.via,
        period=str(period),
        unit=unit,
        heads=heads,
        seed=seed,
        sample_minimum=plan.sample.minimum,
        sample_percent=plan.sample.percent,
        population=len(events),
        rest=len(rest),
        events=tuple(chosen),
        grounds=tuple(grounds[event] for event in chosen),
        flags=tuple(",".join(flags[event]) for event in chosen),
        undecided=undecided(knowledge.facts),
        policy_revision=knowledge.revision,
    )


def _ground(event: Event, flags: frozenset[str]) -> str:
    """Why an event is selected by itself; empty when it is not."""
    if event.purpose == "ETREAT":
        return "emergency"
    if event.action == "print":
        return "print"
    if event.is_denied_write:
        return "write"
    return "flag" if flags else ""
