"""When that which a text reads was created: the bounds that its predicates set, and the moments that these are.

A policy may let nothing through from outside a window of creation (rule S02), and must not be told of a bound that is
none. So a constant counts only where PostgreSQL reads it alike whatever a session has set (TimeZone, DateStyle): an ISO
date, or an ISO time that has an offset where the column is a ``timestamptz`` and none where it is a ``timestamp``
(PostgreSQL documentation 8.5.1). A clock on the wall that shows an hour twice, or leaves one out, widens the window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from typing import Final, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

import msgspec

from readonly_guard.domain.patients import UNKNOWN_TYPE, Parameters

__all__ = [
    "CreatedType",
    "CreationParameter",
    "CreationScope",
    "CreationSpan",
    "CreationWindow",
    "TimeComparison",
    "creation_span",
    "creation_window",
    "joined_creation",
]

CreatedType = Literal["timestamptz", "timestamp", "date"]
"""The types that a column may have which says when a row was created."""

TimeComparison = Literal["<", "<=", "=", ">=", ">"]

_TYPES: Final = frozenset(get_args(CreatedType))
_COMPARABLE: Final = frozenset(
    {("timestamptz", "timestamptz"), ("timestamp", "timestamp"), ("timestamp", "date"), ("date", "date")}
)
"""Types of column and constant that are compared without the session's TimeZone."""

_WRITTEN: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[ T](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)"
    r"(?P<offset>(?P<sign>[+-])(?P<hours>0[0-9]|1[0-4])(?::?(?P<minutes>[0-5][0-9]))?)?)?",
)
"""``Z`` is none of it: since PostgreSQL 18 it is what the session's TimeZone says, and that may be ``<Z>-10``."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


class CreationParameter(msgspec.Struct, frozen=True, kw_only=True):
    """A bound that comes with Bind: ``column operator $number``.

    ``column`` is the type of the column, ``cast`` that of a cast around the parameter. ``is_sole``: the text has this
    parameter nowhere else, so that a type that the client leaves to the server is the cast's, or else the column's.
    """

    number: int
    operator: TimeComparison
    column: CreatedType
    cast: CreatedType | None
    is_sole: bool = False


class CreationSpan(msgspec.Struct, frozen=True, kw_only=True):
    """What is sure of the rows of one relation: none was created before ``since``, none at ``until`` or after.

    Microseconds since 1970 in UTC; None is no bound. ``parameters`` narrow it further.
    """

    since: int | None = None
    until: int | None = None
    parameters: tuple[CreationParameter, ...] = ()

    def both(self, other: CreationSpan) -> CreationSpan:
        """What is sure where both are."""
        since = [moment for moment in (self.since, other.since) if moment is not None]
        until = [moment for moment in (self.until, other.until) if moment is not None]
        parameters = tuple(dict.fromkeys((*self.parameters, *other.parameters)))
        return CreationSpan(since=max(since, default=None), until=min(until, default=None), parameters=parameters)

    def either(self, other: CreationSpan) -> CreationSpan:
        """What is sure where one of the two is; parameters are not followed there."""
        return CreationSpan(
            since=None if self.since is None or other.since is None else min(self.since, other.since),
            until=None if self.until is None or other.until is None else max(self.until, other.until),
        )


class CreationScope(msgspec.Struct, frozen=True, kw_only=True):
    """What is sure of the relations of patients that a text reads, of each one; ``zone`` is that of clocks without."""

    spans: tuple[CreationSpan, ...]
    zone: str


class CreationWindow(NamedTuple):
    """All that is read was created at ``since`` or later and before ``until``, RFC 3339 in UTC; None is not known.

    ``is_awaited``: parameters that are still to come may tell.
    """

    since: str | None
    until: str | None
    is_awaited: bool


def creation_span(
    operator: TimeComparison, written: str, *, column: CreatedType, constant: CreatedType, zone: str
) -> CreationSpan | None:
    """What ``column operator 'written'`` is sure to mean, when it is true.

    Args:
        operator: the comparison.
        written: the constant as text.
        column: the column's type.
        constant: what the constant is read as.
        zone: of the clock that a ``timestamp`` or a ``date`` was read from.

    Returns:
        None where that is not sure.
    """
    if (column, constant) not in _COMPARABLE:
        return None
    try:
        value = _moment(written, constant)
        after = None if value is None else value + (_DAY if column == "date" else _MICROSECOND)
        if value is None or after is None:
            return None
        since = {">=": value, ">": after, "=": value}.get(operator)
        until = {"<": value, "<=": after, "=": after}.get(operator)
        return CreationSpan(
            since=None if since is None else min(_instants(since, zone)),
            until=None if until is None else max(_instants(until, zone)),
        )
    except (ValueError, OverflowError):
        return None  # the 30th of February, or a moment before the first year or after the last


def _moment(written: str, constant: CreatedType) -> datetime | None:
    """The moment that a text is, with its offset if it has one; None where it is not sure."""
    found = _WRITTEN.fullmatch(written)
    if found is None or (constant == "date" and found["time"]) or (constant == "timestamptz") != bool(found["offset"]):
        return None
    moment = datetime.fromisoformat(f"{found['day']}T{found['time'] or '00:00'}")
    if not found["offset"]:
        return moment
    offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return moment.replace(tzinfo=timezone(-offset if found["sign"] == "-" else offset))


def _instants(moment: datetime, zone: str) -> list[int]:
    """The moments that it may be, in microseconds since 1970: two where a clock shows it twice, or never."""
    if moment.tzinfo is not None:
        moments = [moment]
    else:
        clock = ZoneInfo(zone)
        moments = [moment.replace(tzinfo=clock, fold=fold) for fold in (0, 1)]
    # in UTC it may be of a year that the calendar has not: that is no moment, and an OverflowError here
    return [(one.astimezone(UTC) - _EPOCH) // _MICROSECOND for one in moments]


def creation_window(scope: CreationScope, parameters: Parameters | None) -> CreationWindow:
    """The window of creation of a text that is run with these parameters; None while they are still to come."""
    found = _over(scope.spans, scope.zone, parameters)
    return CreationWindow(
        since=None if found.since is None else _rfc3339(found.since),
        until=None if found.until is None else _rfc3339(found.until),
        is_awaited=parameters is None and any(span.parameters for span in scope.spans),
    )


def joined_creation(earlier: CreationScope | None, parameters: Parameters | None) -> CreationScope | None:
    """The scope of a text that does nothing but run an earlier statement with these parameters."""
    if earlier is None:
        return None
    return msgspec.structs.replace(earlier, spans=(_over(earlier.spans, earlier.zone, parameters),))


def _over(spans: Iterable[CreationSpan], zone: str, parameters: Parameters | None) -> CreationSpan:
    """What is sure of all relations, and so of each."""
    return reduce(CreationSpan.either, [_narrowed(span, zone, parameters) for span in spans])


def _narrowed(span: CreationSpan, zone: str, parameters: Parameters | None) -> CreationSpan:
    found = CreationSpan(since=span.since, until=span.until)
    if parameters is None:
        return found
    for place in span.parameters:
        bound = _bound(place, zone, parameters)
        found = found if bound is None else found.both(bound)
    return found


def _bound(place: CreationParameter, zone: str, parameters: Parameters) -> CreationSpan | None:
    type_name = parameters.type_name(place.number)
    if type_name == UNKNOWN_TYPE and place.is_sole:
        type_name = place.cast or place.column
    if place.cast not in {None, type_name}:
        return None  # one that is cast to another goes by the session's TimeZone
    values = parameters.texts(place.number, is_array=False)
    if type_name not in _TYPES or not values:
        return None
    return creation_span(place.operator, values[0], column=place.column, constant=type_name, zone=zone)  # type: ignore[arg-type]


def _rfc3339(moment: int) -> str:
    return (_EPOCH + moment * _MICROSECOND).isoformat(timespec="microseconds").replace("+00:00", "Z")
