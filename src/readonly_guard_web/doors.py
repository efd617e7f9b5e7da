"""The doors: the one place where a request becomes an actor, and where people sign in.

Every form is checked before anything it says is looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from readonly_guard.errors import GuardError
from readonly_guard.review import Actor
from readonly_guard_web.house import COOKIE, REQUESTS_WITHIN_S, House
from readonly_guard_web.page import Page
from readonly_guard_web.sessions import LONGEST_S, Session

__all__ = ["posted", "shown", "sign_in"]

_MOST_BODY: Final = 256 * 1024

Form = dict[str, list[str]]
Endpoint = Callable[[Request], Awaitable[Response]]
View = Callable[[Page], Any]


def shown(house: House, view: View) -> Endpoint:
    """A page that is shown to whoever is signed in."""

    async def endpoint(request: Request) -> Response:
        session = house.session_of(request)
        if session is None:
            return RedirectResponse("/sign-in", 303)
        return await _answer(house, request, session, view, {})

    return endpoint


def posted(house: House, view: View) -> Endpoint:
    """What is done with a form that the session was shown, and has not sent yet."""

    async def endpoint(request: Request) -> Response:
        name = request.cookies.get(COOKIE)
        session = house.session_of(request)
        if session is None:
            return RedirectResponse("/sign-in", 303)
        form = await _form(request)
        if form is None or not session.take_form(_first(form, "form")):
            what = ("Formuläret är redan skickat eller för gammalt. Ladda om sidan och försök igen.",
                    "The form was sent already, or is too old. Load the page again.")  # fmt: skip
            return house.page(
                "trouble.html",
                session.language,
                session,
                403,
                what=what[session.language != "sv"],
                is_technical=False,
                is_broken=False,
                is_busy=False,
            )
        answer = await _answer(house, request, session, view, form)
        if request.url.path == "/sign-out":
            house.sessions.end(name)
            answer.delete_cookie(COOKIE)
        return answer

    return endpoint


async def _answer(house: House, request: Request, session: Session, view: View, form: Form) -> Response:
    if house.requests.is_too_often(session.user):
        return Response("too many requests", 429, {"retry-after": str(REQUESTS_WITHIN_S)})
    house.requests.note(session.user)
    page = Page(
        actor=Actor(user=session.user, via="web"),
        session=session,
        path=dict(request.path_params),
        query={name: value for name, value in request.query_params.items() if value},
        form=form,
    )

    def work() -> Response:
        house.desk.renew()
        try:
            found = view(page)
        except GuardError as error:
            return house.trouble(error, session)
        if isinstance(found, Response):
            return found
        name, values = found
        return house.page(name, session.language, session, here=request.url.path, **values)

    return await run_in_threadpool(work)


def sign_in(house: House) -> Endpoint:
    """Sign in, with a password or with the certificate of the connection."""

    async def endpoint(request: Request) -> Response:
        language = "en" if request.query_params.get("language") == "en" else "sv"
        card = house.card_of(request)
        owner = house.cards.user_of(card)
        page = partial(
            house.page, "sign_in.html", language, None,
            owner="" if owner is None else house.desk.knowledge.name_of(owner), has_card=card is not None,
            has_passwords=house.desk.plan.sign_in.passwords,
        )  # fmt: skip
        if request.method == "GET":
            return page(200, problem="")
        form = await _form(request) or {}
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return Response("signing in from another site", 403)
        user, is_by_card = _first(form, "user")[:64], _first(form, "with") == "card"
        who = f"card {'' if card is None else card.fingerprint}" if is_by_card else f"user {user}"
        names = (who, f"from {request.client.host if request.client else ''}")
        if house.tries.is_too_often(*names):
            return page(429, problem="often")
        house.tries.note(*names)  # before it is looked at: many tries at once are many tries
        if is_by_card:
            if owner is None or card is None:
                return page(403, problem="card")
            cookie = house.sessions.begin(owner, language, card.fingerprint)
        else:
            async with house.patience:
                is_right = house.desk.plan.sign_in.passwords and await run_in_threadpool(
                    house.accounts.is_right, user, _first(form, "password")
                )
            if not is_right:
                return page(403, problem="wrong")
            cookie = house.sessions.begin(user, language)
        house.tries.forget(*names)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, cookie, max_age=LONGEST_S, httponly=True, samesite="strict", secure=house.is_secure)
        return answer

    return endpoint


async def _form(request: Request) -> Form | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BODY:
            return None
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20_000, encoding="utf-8", errors="strict")
    except ValueError:
        return None


def _first(form: Form, name: str) -> str:
    return form.get(name, [""])[0]
