"""The protocol of a reviewed unit and month, which an inspector asks for: a record, JSON, and a page to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from readonly_guard.audit import KeyRing, Verification
from readonly_guard.domain import ProtocolRecord, SelectionRecord
from readonly_guard.review.ledger import Case
from readonly_guard.review.pages import page
from readonly_guard.review.states import State

__all__ = ["chain_text", "make_protocol", "protocol_html", "protocol_json"]

_ORDER: Final = (State.WITHOUT_REMARK, State.JUSTIFIED, State.ESCALATED, State.ACTED, State.CLOSED)


def make_protocol(
    selection: SelectionRecord,
    cases: Sequence[Case],
    *,
    time: str,
    actor: str,
    via: str,
    name: str,
    routines: Iterable[str],
    chains: Iterable[str],
    ledger: str,
) -> ProtocolRecord:
    """The protocol of a selection whose events have all been answered; not signed yet."""
    grounds = Counter(case.ground for case in cases)
    outcomes = Counter(case.state for case in cases)
    return ProtocolRecord(
        time=time,
        actor=actor,
        via=via,
        name=name,
        period=selection.period,
        unit=selection.unit,
        method=(
            "all emergency accesses, prints, denied writes and flagged events; of the rest "
            f"{selection.sample_percent} %, at least {selection.sample_minimum}, in the order of SHA-256(seed, event)"
        ),
        seed=selection.seed,
        heads=selection.heads,
        population=selection.population,
        rest=selection.rest,
        selected=len(cases),
        grounds=tuple(f"{ground}={count}" for ground, count in sorted(grounds.items())),
        outcomes=tuple(f"{state}={outcomes[state]}" for state in _ORDER if outcomes[state]),
        undecided=selection.undecided,
        remarks=tuple(
            f"{case.event}: {case.comment}"
            for case in cases
            if case.comment and case.state in {State.JUSTIFIED, State.ESCALATED, State.ACTED}
        ),
        references=tuple(sorted({case.reference for case in cases if case.reference})),
        chains=tuple(chains),
        ledger=ledger,
        routines=tuple(sorted(routines)),
        policy_revision=selection.policy_revision,
    )


def chain_text(found: Verification) -> str:
    """How a chain of the log was found, for the protocol."""
    signed = f"signed up to {found.signed.seq} by {', '.join(found.key_ids)}" if found.seals else "not signed"
    return f"{found.chain}: whole, {found.records} records, head {found.head}, {signed}"


def protocol_json(record: ProtocolRecord) -> bytes:
    """The record as a file: what is signed are its canonical bytes, `readonly_guard.audit.keys`."""
    return msgspec.json.format(msgspec.json.encode(record)) + b"\n"


def protocol_html(record: ProtocolRecord, keys: KeyRing, language: str) -> str:
    """A page to print, in Swedish or English, that says whether the signature is right."""
    return page("protocol.html", language, protocol=record, objection=keys.objection(record))
