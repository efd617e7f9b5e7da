"""A patient's extract, from the request to what is handed over: who may, what is recorded first, how far it goes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from readonly_guard.review.desk import Desk
from readonly_guard.review.extract import extract_csv, extract_paper
from readonly_guard.review.papers import Paper
from readonly_guard.review.standing import Actor
from readonly_guard.review.store import Store

__all__ = ["Extract", "make_extract"]


class Extract(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed over: the paper, the same as a table for Excel, and how many events they hold."""

    paper: Paper
    csv: bytes
    count: int


def make_extract(
    desk: Desk,
    actor: Actor,
    *,
    patients: Sequence[str],
    since: str,
    until: str,
    language: str,
    with_names: bool,
) -> Extract:
    """The extract of what has been imported; bring that up to date first.

    Args:
        desk: the review.
        actor: who asks for it.
        patients: a personnummer that the log knows, in whichever spelling, or keys (``person_id:7``); of several, all.
        since: RFC 3339; from then on.
        until: before then.
        language: ``sv`` or ``en``.
        with_names: whether staff are named.

    Raises:
        NotPossible: the actor does not look after the log as a whole.
        BrokenLog: the review's own chain is not whole.
        ConfigurationError: the log does not know the number, nothing has been imported, or the asking cannot be
            recorded.
    """
    desk.standing.check_officer(actor)
    named = [_plain(patient) for patient in patients]
    told = {"patient": ",".join(named), "since": since, "until": until, "names": "yes" if with_names else "no"}
    desk.record_reading(actor, "extract", told)
    keys = desk.log.keys_of_patient(named)
    with Store.open(desk.log.store_path) as store:
        events, imported_until = store.of_patient(keys, since, until), store.imported_until()
    paper = extract_paper(
        events,
        desk.knowledge,
        language,
        patients=named,
        since=since,
        until=until,
        made=desk.now_text(),
        imported_until=imported_until,
        with_names=with_names,
    )
    csv = extract_csv(events, desk.knowledge, language, with_names=with_names)
    return Extract(paper=paper, csv=csv, count=len(events))


def _plain(patient: str) -> str:
    """A personnummer as the log writes it, without what people put between the digits; a key as it is."""
    digits = patient.strip().replace("-", "").replace(" ", "")
    return digits if digits.isdecimal() else patient.strip()
