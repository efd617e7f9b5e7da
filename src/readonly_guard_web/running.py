"""The page *Loggen*: officers import the log and select the month with a button; it takes as long as it takes.

One run at a time, in a thread of its own; the page asks every few seconds how it went.
"""

from __future__ import annotations

import threading
from typing import Final

from starlette.responses import RedirectResponse, Response

from readonly_guard.errors import GuardError
from readonly_guard.moments import rfc3339
from readonly_guard.review import Actor, BrokenLog, Desk, Monthly, NotPossible, run_month
from readonly_guard_web.page import Page, Shown

__all__ = ["RunViews"]

_SHOWN: Final = 12


class RunViews:
    """This page of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._since = ""
        self._done: Monthly | None = None
        self._fault: GuardError | None = None

    def log(self, page: Page) -> Shown:
        """How far the log has been imported, and what the last run brought."""
        self._desk.standing.check_officer(page.actor)
        return "log.html", {
            "since": self._since,
            "done": self._done,
            "fault": "" if self._fault is None else str(self._fault),
            "is_broken": isinstance(self._fault, BrokenLog),
            "selections": sorted(
                self._desk.ledger.history().selections.values(), key=lambda made: made.time, reverse=True
            )[:_SHOWN],
            "knowledge": self._desk.knowledge,
        }

    def run(self, page: Page) -> Response:
        """Begin a run, unless one is under way."""
        self._desk.standing.check_officer(page.actor)
        with self._lock:
            if self._since:
                raise NotPossible(
                    "it is being done already; the page says when it is ready",
                    "Det pågår redan; sidan säger till när det är klart.",
                )
            self._since = rfc3339(self._desk.now())
        threading.Thread(target=self._run, args=(page.actor,), name="review-run", daemon=True).start()
        return RedirectResponse("/log", 303)

    def _run(self, actor: Actor) -> None:
        done, fault = None, None
        try:
            done = run_month(self._desk, actor)
        except GuardError as error:
            fault = error
        finally:
            with self._lock:
                self._done, self._fault, self._since = done, fault, ""
