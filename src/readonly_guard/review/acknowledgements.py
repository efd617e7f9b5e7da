"""Who has confirmed that they have read the routine (S11: managers make it known), and the import of such reports.

The roster says it (``acknowledged_at``), and what the policy warns of (RG-R90) is the roster's word alone. A report
from elsewhere (a learning platform, a signed list) is appended to the ledger, and can be entered in the roster, too.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from readonly_guard.domain import AcknowledgementRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.review.desk import Desk
from readonly_guard.review.ledger import History
from readonly_guard.review.standing import Actor

__all__ = [
    "Acknowledgement",
    "acknowledgements",
    "enter_in_roster",
    "import_acknowledgements",
    "read_acknowledgements",
]

_HEADINGS: Final = frozenset({"user", "användare", "hsa-id", "hsa_id"})


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """A member of the roster, and when they confirmed the routine; ``on`` is None when they have not."""

    user: str
    name: str
    title: str
    unit: str
    on: str | None


def acknowledgements(desk: Desk, history: History, actor: Actor, on: date) -> list[Acknowledgement]:
    """The members of the actor's units who may use read mode that day, those who have not confirmed first."""
    units = set(desk.standing.figures_of(actor.user))
    found = [
        Acknowledgement(
            user=user,
            name=member.name,
            title=member.title,
            unit=member.care_unit,
            on=member.acknowledged_at.isoformat() if member.acknowledged_at else history.acknowledged.get(user),
        )
        for user, member in desk.knowledge.members.items()
        if member.care_unit in units and (member.revoked_at is None or on < member.revoked_at)
    ]
    return sorted(found, key=lambda item: (item.unit, item.on is not None, item.name))


def read_acknowledgements(desk: Desk, text: str) -> dict[str, date]:
    """Read a report: a line for each person, user or HSA-id and date, with ``;`` or ``,`` between them.

    Raises:
        ConfigurationError: a line is not of that form, or names nobody of the roster; the text says which.
    """
    by_hsa_id = {member.hsa_id: user for user, member in desk.knowledge.members.items()}
    found: dict[str, date] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=";" if ";" in line else ","), [])]
        if not any(cells) or (number == 1 and cells[0].casefold() in _HEADINGS):
            continue
        try:
            name, day = cells
            on = date.fromisoformat(day)
        except ValueError:
            raise ConfigurationError(f"line {number}: write a user or HSA-id and a date: alind;2024-12-18") from None
        user = name if name in desk.knowledge.members else by_hsa_id.get(name)
        if user is None:
            raise ConfigurationError(f"line {number}: nobody of the roster has that user or HSA-id")
        found[user] = on
    if not found:
        raise ConfigurationError("the report names nobody; write a user or HSA-id and a date: alind;2024-12-18")
    return found


def import_acknowledgements(desk: Desk, actor: Actor, dates: Mapping[str, date], now: str) -> AcknowledgementRecord:
    """Append a report to the ledger.

    Raises:
        ConfigurationError: a date is still to come, or it cannot be written.
        BrokenLog: the review's own chain is not whole.
    """
    late = [user for user, on in dates.items() if on.isoformat() > now[:10]]
    if late:
        raise ConfigurationError(f"{late[0]}: the date is still to come")
    record = AcknowledgementRecord(
        time=now,
        actor=actor.user,
        via=actor.via,
        users=tuple(sorted(dates)),
        dates=tuple(dates[user].isoformat() for user in sorted(dates)),
    )
    desk.ledger.add(lambda _history: [record])
    return record


def enter_in_roster(path: Path, dates: Mapping[str, date]) -> None:
    """Enter dates in a data document of the policy, so that the policy stops warning when it is loaded again.

    Raises:
        ConfigurationError: it is no document with a roster that has all these users, or cannot be written; it is as it
            was.
    """
    try:
        document = json.loads(path.read_bytes())
        users: Any = document["roster"]["users"]
        for user, on in dates.items():
            users[user]["acknowledged_at"] = on.isoformat()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError):
        raise ConfigurationError(f"{path}: is no JSON document with roster.users that has all of them") from None
    part = path.with_name(f"{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, path.stat().st_mode & 0o777)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
