"""What a format is: a beginning, something for each record it takes, an end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from readonly_guard.audit.identities import Identities
from readonly_guard.domain import Entry

__all__ = ["Format", "Origin", "StoreLogCodes", "clean", "host_and_port", "national_oid"]


class StoreLogCodes(msgspec.Struct, frozen=True, kw_only=True):
    """HSA-ids that StoreLog wants and a record does not hold.

    ``care_units`` maps the care unit of a record to its HSA-id.
    """

    system_id: str
    care_provider_id: str
    care_units: Mapping[str, str] = {}


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where the records come from, for formats that want to say so, and whose patient keys are.

    ``version`` is this program's.
    """

    version: str
    identities: Identities = msgspec.field(default_factory=Identities)
    storelog: StoreLogCodes | None = None


class Format(NamedTuple):
    """How a stream of records is written.

    ``item`` gives the bytes of a record, or None for one that is no part of this format; ``separator`` stands between
    two of them.
    """

    suffix: str
    begin: bytes
    item: Callable[[Entry], bytes | None]
    separator: bytes
    end: bytes


_PERSONNUMMER: Final = "1.2.752.129.2.1.3.1"
_SAMORDNINGSNUMMER: Final = "1.2.752.129.2.1.3.3"
_IDENTITY_NUMBER: Final = re.compile(r"[0-9]{12}", re.ASCII)
_COORDINATION_DAYS: Final = 60

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def clean(text: str) -> str:
    """The text without the characters that XML 1.0 (section 2.2) and FHIR's string forbid, each replaced."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def national_oid(identifier: str) -> str | None:
    """The OID of a Swedish identity number's kind, as Inera's contracts name them; None for any other identifier.

    Twelve digits are a personnummer, or a samordningsnummer where 60 is added to the day; a reserve number is of the
    region's own kind.
    """
    if _IDENTITY_NUMBER.fullmatch(identifier) is None:
        return None
    day = int(identifier[6:8])
    return _SAMORDNINGSNUMMER if day > _COORDINATION_DAYS else _PERSONNUMMER


def host_and_port(address: str) -> tuple[str, int | None]:
    """A client's address as the log writes it, ``host:port`` with an IPv6 host in brackets or not, taken apart."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or (":" in host and not host.startswith("[")):
        return address.strip("[]"), None
    return host.strip("[]"), int(port)
