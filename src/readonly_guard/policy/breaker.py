"""A circuit breaker: after so many failures in a row nobody is kept waiting for the next one.

    ============  ==================  ====================
    state         a success           a failure
    ============  ==================  ====================
    closed        closed              open at the limit
    half open     closed              open
    ============  ==================  ====================

Open, nothing is asked; once it has rested it is half open, and one question is let through. Pure: time comes in.
"""

from __future__ import annotations

__all__ = ["Breaker"]


class Breaker:
    """Whether to ask.

    Args:
        failures: so many in a row open it.
        rest_s: how long it then stays open, in seconds.
    """

    def __init__(self, failures: int, rest_s: float) -> None:
        self._limit = failures
        self._rest_s = rest_s
        self._failures = 0
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has opened and nothing has succeeded since."""
        return self._open_until is not None

    def admits(self, now: float) -> bool:
        """Whether to ask now; half open, only the first to come may."""
        if self._open_until is None:
            return True
        if now < self._open_until:
            return False
        self._open_until = now + self._rest_s  # the others wait for how this one fares
        return True

    def succeeded(self) -> None:
        """An answer came."""
        self._failures = 0
        self._open_until = None

    def failed(self, now: float) -> None:
        """None came, or it was none."""
        self._failures += 1
        if self._failures >= self._limit or self.is_open:
            self._open_until = now + self._rest_s
