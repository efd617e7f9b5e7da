"""What every page shares: who is signed in, how often something may be tried, and how a template becomes an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from readonly_guard.domain import Certificate
from readonly_guard.errors import GuardError
from readonly_guard.review import BrokenLog, Desk, NotPossible, StoreBusy
from readonly_guard.review.pages import environment
from readonly_guard_web.accounts import Accounts
from readonly_guard_web.cards import CERTIFICATE, Cards
from readonly_guard_web.sessions import Session, Sessions, Throttle

__all__ = ["COOKIE", "REQUESTS_WITHIN_S", "House"]

COOKIE: Final = "readonly_guard_review"
REQUESTS_WITHIN_S: Final = 60
_TRIES: Final = 5
_TRIES_WITHIN_S: Final = 15 * 60
_MOST_REQUESTS: Final = 600


class House:
    """What the routes share."""

    def __init__(self, desk: Desk, *, is_secure: bool, clock: Callable[[], float]) -> None:
        self.desk = desk
        self.accounts = Accounts(desk.directory)
        self.cards = Cards(desk)
        self.sessions = Sessions(clock)
        self.tries = Throttle(most=_TRIES, within_s=_TRIES_WITHIN_S, clock=clock)
        self.requests = Throttle(most=_MOST_REQUESTS, within_s=REQUESTS_WITHIN_S, clock=clock)
        self.patience = asyncio.Lock()  # passwords are looked at one by one; nobody else waits in a thread for it
        self.templates = _templates()
        self.is_secure = is_secure

    def session_of(self, request: Request) -> Session | None:
        """Whose request it is; None for a session that is over, and for a card's whose card is not there."""
        session = self.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return None
        if session.card:
            card = self.card_of(request)
            is_in = card is not None and card.fingerprint == session.card and self.cards.user_of(card) == session.user
        else:
            is_in = self.desk.plan.sign_in.passwords and session.user in self.accounts.names()
        return session if is_in else None

    @staticmethod
    def card_of(request: Request) -> Certificate | None:
        """The certificate of the connection, as whoever serves has verified it."""
        card = request.scope.get("state", {}).get(CERTIFICATE)
        return card if isinstance(card, Certificate) else None

    def page(
        self,
        template: str,
        language: str,
        session: Session | None = None,
        status: int = 200,
        /,
        here: str = "",
        **values: Any,
    ) -> Response:
        """A template filled in, with what every page has."""
        notice = ""
        if session is not None:
            notice, session.notice = session.notice, ""
        text = self.templates.get_template(template).render(
            language=language,
            t=lambda sv, en: sv if language == "sv" else en,
            session=session,
            notice=notice,
            here=here,
            is_overseer=(is_overseer := session is not None and self.desk.standing.is_officer(session.user)),
            outdated=self.desk.trouble if is_overseer else "",
            is_printed=values.pop("is_printed", False),
            new_form="" if session is None else session.new_form,
            **values,
        )
        return HTMLResponse(text, status)

    def trouble(self, error: GuardError, session: Session) -> Response:
        """What was not possible, and what can be done."""
        status = 503 if isinstance(error, BrokenLog | StoreBusy) else 409 if isinstance(error, NotPossible) else 500
        return self.page(
            "trouble.html",
            session.language,
            session,
            status,
            what=error.sv if isinstance(error, NotPossible) and session.language == "sv" else str(error),
            is_technical=not isinstance(error, NotPossible),
            is_broken=isinstance(error, BrokenLog),
            is_busy=isinstance(error, StoreBusy),
        )


def _templates() -> Environment:
    made = environment().overlay()
    made.loader = ChoiceLoader([PackageLoader("readonly_guard_web"), PackageLoader("readonly_guard.review")])
    return made
