"""What each page shows and does: the desk is asked, and its answer put into a template. No HTTP but redirects."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from readonly_guard.review import (
    CONCLUDED,
    TRANSITIONS,
    Case,
    Desk,
    Event,
    History,
    NotPossible,
    State,
    Step,
    Store,
    list_csv,
    open_event,
    row_of,
)
from readonly_guard_web.page import Page, Shown

__all__ = ["Views", "summary_of", "waits_for"]

_PAGE_ROWS: Final = 200
_FILTERS: Final = ("period", "unit", "who", "state", "ground", "flag")


class Views:
    """The pages of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def leave(self, _page: Page) -> Response:
        """Sign out."""
        return RedirectResponse("/sign-in", 303)

    def choose_language(self, page: Page) -> Response:
        """Swedish or English from now on."""
        page.session.language = "en" if page.said("language") == "en" else "sv"
        return RedirectResponse("/", 303)

    def inbox(self, page: Page) -> Shown:
        """What is due for whom, month by month and unit by unit."""
        history = self._desk.ledger.history()
        rows = [
            summary_of(self._desk, page, history, period, unit)
            for period, unit in sorted(history.selections, reverse=True)
            if unit in self._units(page)
        ]
        return "inbox.html", {
            "rows": rows,
            "name": self._desk.knowledge.name_of(page.actor.user),
            "units": self._units(page),
        }

    def listing(self, page: Page) -> Shown:
        """The manager's list, filtered."""
        history = self._desk.ledger.history()
        cases = self._chosen(page, history)
        first = cases[:_PAGE_ROWS]
        events = self._events(page, "list", first)
        mine = [(period, unit) for period, unit in history.selections if unit in self._units(page)]
        rows = [
            {
                "case": case,
                "cells": row_of(case, events.get(case.event), self._desk.knowledge, page.session.language),
                "is_overdue": self._desk.standing.is_overdue(case),
                "can_clear": self._can_clear(page, case, events.get(case.event)),
            }
            for case in first
        ]
        return "list.html", {
            "rows": rows,
            "total": len(cases),
            "query": page.query,
            "periods": sorted({period for period, _ in mine}, reverse=True),
            "units": sorted({unit for _, unit in mine}),
            "states": [state for state in State if state is not State.NEW],
        }

    def csv(self, page: Page) -> Response:
        """The same list, for Excel."""
        cases = self._chosen(page, self._desk.ledger.history())
        events = self._events(page, "list.csv", cases)
        headers = {"content-disposition": 'attachment; filename="logggranskning.csv"'}
        return Response(list_csv(cases, events, self._desk.knowledge), media_type="text/csv", headers=headers)

    def clear(self, page: Page) -> Response:
        """Several of the sample, without remark, at once."""
        events = page.form.get("event", [])
        if events:
            self._desk.take_step(page.actor, Step.CLEAR, tuple(dict.fromkeys(events)))
            if len(events) == 1:
                page.notice("1 händelse bedömd utan anmärkning.", "1 event cleared without remark.")
            else:
                page.notice(
                    f"{len(events)} händelser bedömda utan anmärkning.", f"{len(events)} events cleared without remark."
                )
        back = "&".join(f"{name}={quote(page.said(name))}" for name in _FILTERS if page.said(name))
        return RedirectResponse(f"/list?{back}", 303)

    def event(self, page: Page) -> Shown:
        """One event, with what stands around it."""
        desk = self._desk
        opened = open_event(desk, page.actor, page.path["event"])
        case, event = opened.case, opened.event
        steps = {step for state, step in TRANSITIONS if state is case.state} - {Step.BEGIN, Step.ASSIGN, Step.CLOSE}
        return "event.html", {
            "case": case,
            "event": event,
            "cells": row_of(case, event, desk.knowledge, page.session.language),
            "near": opened.near,
            "same": opened.same,
            "steps": [step for step in Step if step in steps] if opened.is_mine else [],
            "is_mine": opened.is_mine,
            "responsible": desk.knowledge.name_of(desk.standing.responsible(case)),
            "knowledge": desk.knowledge,
            "is_overdue": desk.standing.is_overdue(case),
            "following": self._following(page, desk.ledger.history(), case),
        }

    def step(self, page: Page) -> Response:
        """A step with one event."""
        name = page.path["event"]
        try:
            step = Step(page.said("step"))
        except ValueError:
            raise NotPossible("that is no step", "Det är inget steg.") from None
        self._desk.take_step(page.actor, step, [name], comment=page.said("comment"), reference=page.said("reference"))
        page.notice("Bedömningen är sparad.", "The assessment is kept.")
        return RedirectResponse(f"/event/{quote(name)}", 303)

    def _units(self, page: Page) -> list[str]:
        return self._desk.plan.units_of(page.actor.user)

    def _chosen(self, page: Page, history: History) -> list[Case]:
        units, query = self._units(page), page.query
        return [
            case
            for period, unit in sorted(
                history.selections, key=lambda made: made[0], reverse=True
            )  # the newest month first
            if unit in units and query.get("period") in {None, period} and query.get("unit") in {None, unit}
            for case in history.of(period, unit)
            if query.get("state") in {None, case.state}
            and (query.get("who") is None or waits_for(self._desk, page, case))
            and query.get("ground") in {None, case.ground}
            and (query.get("flag") is None or query["flag"] in case.flags)
        ]

    def _events(self, page: Page, command: str, cases: list[Case]) -> dict[str, Event]:
        """The events of these cases; that they are looked at is recorded first."""
        told = {"case": cases[0].event} if len(cases) == 1 else page.query | {"cases": str(len(cases))}
        self._desk.record_reading(page.actor, command, told)
        with Store.open(self._desk.log.store_path) as store:
            return store.named(case.event for case in cases)

    def _following(self, page: Page, history: History, case: Case) -> str:
        """The next open event of the same unit and month that is the actor's; empty when there is none."""
        cases = history.of(case.period, case.unit)
        place = next(number for number, other in enumerate(cases) if other.event == case.event)
        for other in (*cases[place + 1 :], *cases[:place]):
            if waits_for(self._desk, page, other):
                return other.event
        return ""

    def _is_mine(self, page: Page, case: Case, event: Event) -> bool:
        return self._desk.standing.objection(page.actor, case, event) is None

    def _can_clear(self, page: Page, case: Case, event: Event | None) -> bool:
        is_open = (case.state, Step.CLEAR) in TRANSITIONS and case.ground == "sample"
        return is_open and event is not None and self._is_mine(page, case, event)


def summary_of(desk: Desk, page: Page, history: History, period: str, unit: str) -> dict[str, Any]:
    """How far a unit's month has come, for whoever looks."""
    cases = history.of(period, unit)
    open_ = [case for case in cases if case.state not in CONCLUDED]
    return {
        "period": period,
        "unit": unit,
        "link": f"/protocol/{period}/{quote(unit, safe='')}",
        "total": len(cases),
        "answered": len(cases) - len(open_),
        "mine": sum(waits_for(desk, page, case) for case in open_),
        "overdue": sum(desk.standing.is_overdue(case) for case in open_),
        "escalated": sum(bool(case.reference) for case in cases),
        "protocol": history.protocols.get((period, unit)),
        "grounds": Counter(case.ground for case in cases),
    }


def waits_for(desk: Desk, page: Page, case: Case) -> bool:
    """Whether a case has no answer yet, and is the actor's to answer."""
    return case.state not in CONCLUDED and desk.standing.responsible(case) == page.actor.user
