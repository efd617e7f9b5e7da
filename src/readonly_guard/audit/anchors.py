"""Anchors: heads of the log that were kept where its host cannot write, for a check of it later."""

from __future__ import annotations

from pathlib import Path

import msgspec

from readonly_guard.audit.chain import Head
from readonly_guard.audit.keys import KeyRing
from readonly_guard.domain import SealRecord
from readonly_guard.errors import ConfigurationError

__all__ = ["Anchor", "parse_head", "read_anchors"]


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A head that was kept elsewhere, and of which chain; an empty name is that of whichever chain holds it.

    ``time`` is when it was signed, empty where it was not.
    """

    head: Head
    chain: str = ""
    time: str = ""


def parse_head(text: str) -> Head:
    """A head as a person gave it.

    Raises:
        ConfigurationError: it is not written ``seq:hash``.
    """
    try:
        return Head.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"expected head: {error}") from None


def read_anchors(path: Path, *, public_keys: KeyRing | None = None) -> list[Anchor]:
    """Anchors as `readonly_guard_plugins.anchor_file` keeps them: a signed head as JSON on each line.

    Args:
        path: the file.
        public_keys: who may have signed them; None to take them as they are, when nobody else can write that file.

    Raises:
        ConfigurationError: the file cannot be read or holds none, a line is no signed head, or is signed by somebody
            else.
    """
    try:
        kept = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path}: the anchors cannot be read: {error.strerror}") from error
    anchors = []
    for number, line in enumerate(kept, 1):
        try:
            record = msgspec.json.decode(line, type=SealRecord)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ConfigurationError(f"{path}: line {number} is no signed head") from None
        objection = None if public_keys is None else public_keys.objection(record)
        if objection is not None:
            raise ConfigurationError(f"{path}: line {number} {objection}")
        head = Head(seq=record.head_seq, hash=record.head_hash)
        anchors.append(Anchor(head=head, chain=record.chain, time=record.time))
    if not anchors:
        raise ConfigurationError(f"{path}: holds no anchor; find out who emptied it, or leave --anchors out")
    return anchors
