"""A month as Sweden counts it: what is reviewed together.

Records carry UTC; a month, a day and a working hour are those of the clock on the wall (Europe/Stockholm).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Self
from zoneinfo import ZoneInfo

import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339

__all__ = ["SWEDEN", "Period", "in_sweden"]

SWEDEN: Final = ZoneInfo("Europe/Stockholm")

_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Period(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A Swedish calendar month; its text form is ``2026-10``."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The month that ``str`` wrote.

        Raises:
            ConfigurationError: the text is no month.
        """
        match = _MONTH.fullmatch(text)
        if match is None or match[1] == "0000":
            raise ConfigurationError(f"{text!r} is no month; write 2026-10")
        return cls(year=int(match[1]), month=int(match[2]))

    @classmethod
    def before(cls, moment: datetime) -> Self:
        """The last month that had ended by then: what a manager reviews on the first Monday."""
        local = moment.astimezone(SWEDEN)
        return cls(year=local.year - (local.month == 1), month=(local.month - 2) % 12 + 1)

    def earlier(self, months: int) -> Self:
        """The month so many months before this one."""
        count = self.year * 12 + self.month - 1 - months
        return type(self)(year=count // 12, month=count % 12 + 1)

    @property
    def since(self) -> str:
        """Its first moment, RFC 3339 in UTC."""
        return rfc3339(datetime(self.year, self.month, 1, tzinfo=SWEDEN))

    @property
    def until(self) -> str:
        """The first moment after it."""
        return rfc3339(datetime(self.year + self.month // 12, self.month % 12 + 1, 1, tzinfo=SWEDEN))


def in_sweden(time: str) -> datetime:
    """A record's time by the clock on the wall."""
    return datetime.fromisoformat(time).astimezone(SWEDEN)
