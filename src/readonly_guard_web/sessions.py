"""Sessions, forms and patience: who is signed in, which forms are fresh, and who has guessed too often.

All of it is in memory: a restart signs everybody out. A session's name is 256 random bits, so nothing can be forged;
a form can be sent once, by the session that it was shown to.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Final

__all__ = ["Session", "Sessions", "Throttle"]

IDLE_S: Final = 20 * 60
LONGEST_S: Final = 10 * 3600
_MOST_FORMS: Final = 200
_MOST_KEPT: Final = 5
_MOST_SESSIONS: Final = 1_000


class Session:
    """Somebody who is signed in.

    Attributes:
        user: who.
        language: ``sv`` or ``en``.
        card: the fingerprint of the certificate that somebody signed in with; the session is of no use without it.
        notice: what to say on the next page, once.
    """

    def __init__(self, user: str, language: str, now: float, card: str = "") -> None:
        self.user = user
        self.card = card
        self.language = language
        self.notice = ""
        self.begun = self.seen = now
        self._forms: OrderedDict[str, None] = OrderedDict()
        self._kept: OrderedDict[str, object] = OrderedDict()

    def keep(self, value: object) -> str:
        """Hold on to something that was made for this session; the answer is its name, which nobody can guess."""
        name = secrets.token_urlsafe()
        self._kept[name] = value
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return name

    def kept(self, name: str) -> object:
        """What has that name; None where there is nothing, or too much has been made since."""
        return self._kept.get(name)

    def new_form(self) -> str:
        """A token for one form."""
        token = secrets.token_urlsafe()
        self._forms[token] = None
        if len(self._forms) > _MOST_FORMS:
            self._forms.popitem(last=False)
        return token

    def take_form(self, token: str) -> bool:
        """Whether the form was shown to this session and has not been sent yet; it has been from now on."""
        return self._forms.pop(token, self) is None


class Sessions:
    """Everybody who is signed in."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()

    def begin(self, user: str, language: str, card: str = "") -> str:
        """Sign somebody in; the answer is the cookie."""
        name = secrets.token_urlsafe()
        self._open[name] = Session(user, language, self._clock(), card)
        if len(self._open) > _MOST_SESSIONS:
            self._open.popitem(last=False)
        return name

    def find(self, name: str | None) -> Session | None:
        """The session of a cookie, unless it is over."""
        session = None if name is None else self._open.get(name)
        if session is None or name is None:
            return None
        now = self._clock()
        if now - session.seen > IDLE_S or now - session.begun > LONGEST_S:
            del self._open[name]
            return None
        session.seen = now
        return session

    def end(self, name: str | None) -> None:
        """Sign out."""
        if name is not None:
            self._open.pop(name, None)


class Throttle:
    """How often something may be tried in a while, by whom."""

    def __init__(self, *, most: int, within_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._within = within_s
        self._clock = clock
        self._tried: defaultdict[str, deque[float]] = defaultdict(deque)

    def is_too_often(self, *names: str) -> bool:
        """Whether any of these has tried too often."""
        since = self._clock() - self._within
        for name in names:
            tried = self._tried.get(name)
            while tried and tried[0] < since:
                tried.popleft()
            if tried is not None and not tried:
                del self._tried[name]
            elif tried is not None and len(tried) >= self._most:
                return True
        return False

    def note(self, *names: str) -> None:
        """Count one try of each."""
        for name in names:
            self._tried[name].append(self._clock())

    def forget(self, *names: str) -> None:
        """Take back what was counted of these."""
        for name in names:
            self._tried.pop(name, None)
