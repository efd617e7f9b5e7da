"""A mail to the manager when emergency access was used: what the duty ``notify_manager`` is carried out by.

It is fed from the log (`readonly-guard audit forward`), so that no decision waits for a mail server and nothing is lost
while one is down. A batch of the log gives each manager one mail. There is nothing clinical in it: who, when, for which
purpose, and the decision's id, by which the review and the log tell the rest; no patient, no statement, and not what
was written as a justification.
"""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from readonly_guard.domain import DecisionRecord, Entry
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard.settings import is_this_machine
from readonly_guard_plugins.https import tls_context

__all__ = ["NotifyManager", "mails"]

_DUTY: Final = "notify_manager"
_MAX_TEXT: Final = 64  # characters of a name from the log

_SUBJECT: Final = {"sv": "Nödöppning i läsläge: {count}", "en": "Emergency access in read mode: {count}"}
_INTRODUCTION: Final = {
    "sv": "Nödöppning har använts. Varje läsning ska granskas; beslutets id finns i loggen och i logggranskningen.",
    "en": "Emergency access was used. Every reading is to be reviewed; the log and the review know it by the decision.",
}
_LINE: Final = {
    "sv": "{time}  användare {who}, enhet {unit}, ändamål {purpose}, beslut {decision}",
    "en": "{time}  user {who}, unit {unit}, purpose {purpose}, decision {decision}",
}
_INSTEAD: Final = {
    "sv": "Enhetens chef kunde inte nås på sin adress; därför kommer detta till dig.",
    "en": "The unit's manager could not be reached at the address that is known, so that this comes to you.",
}


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: str
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """``none`` to this machine only."""
    ca: Path | None = None
    """The certificates to trust, PEM; without it those of the system."""
    user: str = ""
    password: Path | None = None
    """A file with the password of ``user``."""
    sender: str
    fallback: str
    """Who is told of units without a manager, and where a manager's address is refused."""
    managers: dict[str, str] = {}
    """Addresses by care unit, as the roster calls it."""
    language: Literal["sv", "en"] = "sv"
    timeout_s: float = 10.0


class NotifyManager:
    """Sends the mails."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        if settings.tls == "none" and not is_this_machine(settings.host):
            raise ConfigurationError('[plugin.notify_manager] tls: "none" is for a mail server on this machine only')
        if bool(settings.user) != (settings.password is not None):
            raise ConfigurationError("[plugin.notify_manager]: user and password belong together; write both or none")
        if settings.user and settings.tls == "none":
            raise ConfigurationError('[plugin.notify_manager] tls: a password wants "starttls" or "implicit"')
        for key, address in (("sender", settings.sender), ("fallback", settings.fallback), *settings.managers.items()):
            _check(key, address)
        self._settings = settings
        self._tls = tls_context(settings.ca, "notify_manager")
        self._password = "" if settings.password is None else _password(settings.password)

    @hookimpl
    def record_sink(self) -> NotifyManager:
        """Itself."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Send what there is to tell, one mail for each manager.

        After a failure a mail may come again, also in another company; the decisions' ids tell.

        Raises:
            smtplib.SMTPException: the server did not take a mail.
            OSError: there is no connection, or its certificate is not trusted.
        """
        found = list(mails(entries, self._settings))
        if found:
            await asyncio.to_thread(self._send, found)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.tls == "implicit":
            return smtplib.SMTP_SSL(settings.host, settings.port, timeout=settings.timeout_s, context=self._tls)
        return smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)

    def _send(self, found: Sequence[EmailMessage]) -> None:
        settings = self._settings
        with self._connected() as server:
            if settings.tls == "starttls":
                server.starttls(context=self._tls)
            if settings.user:
                server.login(settings.user, self._password)
            for mail in found:
                try:
                    server.send_message(mail)
                except smtplib.SMTPRecipientsRefused:
                    if mail["To"] == settings.fallback:
                        raise
                    server.send_message(_instead(mail, settings))


def mails(entries: Sequence[Entry], settings: _Settings) -> Iterator[EmailMessage]:
    """What is to be told of some records of a chain, by the manager it is told to."""
    to_tell: dict[str, list[tuple[Entry, DecisionRecord]]] = {}
    for entry in entries:
        record = entry.record
        if isinstance(record, DecisionRecord) and record.verdict == "allow" and _DUTY in record.obligations:
            address = settings.managers.get(record.care_unit, settings.fallback)
            to_tell.setdefault(address, []).append((entry, record))
    for address, told in to_tell.items():
        (first, begun), (last, _) = told[0], told[-1]
        mail = EmailMessage()
        mail["From"], mail["To"] = settings.sender, address
        mail["Subject"] = _SUBJECT[settings.language].format(count=len(told))
        mail["Date"] = format_datetime(datetime.fromisoformat(begun.time))
        name = f"{first.seq}-{last.seq}.{first.hash[:16]}.{last.hash[:16]}"
        mail["Message-ID"] = f"<{name}@{settings.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers that they are on holiday
        lines = [_line(record, settings.language) for _, record in told]
        mail.set_content("\n".join([_INTRODUCTION[settings.language], "", *lines, ""]))
        yield mail


def _line(record: DecisionRecord, language: str) -> str:
    who = f"{_plain(record.subject)} ({_plain(record.hsa_id)})" if record.hsa_id else _plain(record.subject)
    return _LINE[language].format(
        time=_plain(record.time[:19]) + "Z",
        who=who,
        unit=_plain(record.care_unit) or "-",
        purpose=_plain(record.purpose),
        decision=_plain(record.decision_id),
    )


def _instead(mail: EmailMessage, settings: _Settings) -> EmailMessage:
    """The same mail to the fallback, which says why."""
    other = EmailMessage()
    for name, value in mail.items():
        if name in {"From", "Subject", "Date", "Message-ID", "Auto-Submitted"}:
            other[name] = value
    other["To"] = settings.fallback
    other.set_content(f"{_INSTEAD[settings.language]}\n\n{mail.get_content()}")
    return other


def _plain(text: str) -> str:
    """A name from the log on one line: a database user may be called anything."""
    return "".join(character if character.isprintable() else "?" for character in text[:_MAX_TEXT])


def _check(key: str, address: str) -> None:
    try:
        known = Address(addr_spec=address)
    except ValueError:
        known = None
    if known is None or not known.username or not known.domain:
        raise ConfigurationError(f"[plugin.notify_manager] {key}: {address!r} is no mail address; write name@domain")


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"[plugin.notify_manager] password: {path}: cannot be read: {error}") from None
