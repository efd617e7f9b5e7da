"""The protocol of a reviewed unit and month, which an inspector asks for: a record, JSON, and a page to print."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from readonly_guard.audit import KeyRing, Verification
from readonly_guard.domain import ProtocolRecord, SelectionRecord
from readonly_guard.review.flags import FLAGS
from readonly_guard.review.ledger import Case
from readonly_guard.review.papers import Fact, Facts, Note, Paper, Section, Table, paper_html, paper_pdf
from readonly_guard.review.periods import in_sweden
from readonly_guard.review.states import State
from readonly_guard.review.words import word

__all__ = ["chain_text", "make_protocol", "protocol_html", "protocol_json", "protocol_paper", "protocol_pdf"]

# what make_protocol and chain_text write
_METHOD: Final = re.compile(
    r"all emergency accesses, prints, denied writes and flagged events; of the rest "
    r"([0-9]+) %, at least ([0-9]+), in the order of SHA-256\(seed, event\)"
)
_CHAIN: Final = re.compile(r"(.+): whole, ([0-9]+) records, head (\S+), (?:not signed|signed up to ([0-9]+) by (.+))")

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


def protocol_paper(record: ProtocolRecord, keys: KeyRing, language: str) -> Paper:
    """The protocol for people, in Swedish or English; it says whether the signature is right."""
    sv = language == "sv"

    def t(swedish: str, english: str) -> str:
        return swedish if sv else english

    def counts(kind: str, items: Iterable[str]) -> list[Fact]:
        pairs = [item.partition("=")[::2] for item in items]
        return [Fact(name=word(kind, name, language).capitalize(), lines=(number,)) for name, number in pairs]

    objection = keys.objection(record)
    reviewed = in_sweden(record.time).strftime("%Y-%m-%d %H:%M")
    undecided = ", ".join(f"{code} {t(FLAGS[code].sv, FLAGS[code].en)}" for code in record.undecided if code in FLAGS)
    selection = [
        Fact(name=t("Händelser i perioden", "Events in the period"), lines=(str(record.population),)),
        Fact(name=t("Granskade", "Reviewed"), lines=(str(record.selected),)),
        *counts("grounds", record.grounds),
        Fact(name=t("Metod", "Method"), lines=(_method(record.method) if sv else record.method,)),
        Fact(name=t("Slumpfrö", "Seed"), lines=(record.seed,), is_code=True),
        Fact(
            name="",
            lines=(
                t(
                    "SHA-256 över period, enhet och loggens huvud vid periodens slut",
                    "SHA-256 over period, unit and head of the log at the period's end",
                ),
            ),
        ),
        Fact(name=t("Loggens huvud", "Log head"), lines=record.heads, is_code=True),
    ]
    if undecided:
        selection.append(
            Fact(name=t("Flaggor som inte kunde avgöras", "Flags that could not be decided"), lines=(undecided,))
        )
    outcome: list[Facts | Table] = [
        Facts(
            facts=(
                *counts("state", record.outcomes),
                Fact(name="MedControl PRO", lines=record.references or (t("inga ärenden", "no cases"),)),
            )
        )
    ]
    sections = [
        Section(
            blocks=(
                Facts(
                    facts=(
                        Fact(name=t("Vårdenhet", "Care unit"), lines=(record.unit,)),
                        Fact(name=t("Period", "Period"), lines=(record.period,)),
                        Fact(name=t("Granskare", "Reviewer"), lines=(f"{record.name} ({record.actor})",)),
                        Fact(name=t("Undertecknat", "Signed"), lines=(reviewed,)),
                        Fact(name=t("Rutin", "Routine"), lines=record.routines or ("–",)),
                    )
                ),
            )
        ),
        Section(heading=t("Urval", "Selection"), blocks=(Facts(facts=tuple(selection)),)),
        Section(heading=t("Utfall", "Outcome"), blocks=tuple(outcome)),
    ]
    if record.remarks:
        rows = tuple((event, said) for event, _, said in (remark.partition(": ") for remark in record.remarks))
        headings = (t("Händelse", "Event"), t("Kommentar", "Comment"))
        sections.append(
            Section(
                heading=t("Förklaringar, anmärkningar och åtgärder", "Explanations, remarks and actions"),
                blocks=(Table(headings=headings, rows=rows, codes=(0,)),),
            )
        )
    sections += [
        Section(
            heading=t("Loggens kontroll vid undertecknandet", "The log as checked at signing"),
            blocks=(
                Facts(
                    facts=(
                        Fact(
                            name=t("Loggens kedjor", "The log's chains"),
                            lines=tuple(_chain(item) if sv else item for item in record.chains),
                            is_code=True,
                        ),
                        Fact(
                            name=t("Granskningens egen kedja", "The review's own chain"),
                            lines=(record.ledger,),
                            is_code=True,
                        ),
                    )
                ),
            ),
        ),
        Section(
            heading=t("Underskrift", "Signature"),
            blocks=(
                Note(text=t("Underskriften är riktig", "The signature is right"), kind="right")
                if objection is None
                else Note(
                    text=f"{t('UNDERSKRIFTEN ÄR INTE RIKTIG', 'THE SIGNATURE IS NOT RIGHT')}: {objection}", kind="wrong"
                ),
                Facts(
                    facts=(
                        Fact(name=t("Ed25519, nyckel", "Ed25519, key"), lines=(record.key_id,), is_code=True),
                        Fact(name=t("Signatur", "Signature"), lines=(record.signature,), is_code=True),
                    )
                ),
            ),
        ),
    ]
    return Paper(
        language=language,
        title=t("Protokoll över logggranskning", "Protocol of log review"),
        about=f"{record.unit}, {record.period}",
        made=record.time,
        lead=t(
            "Patientdatalagen (2008:355) 4 kap. 3 §, HSLF-FS 2016:40 4 kap. 9 §",
            "Patient Data Act (2008:355) ch. 4 § 3, HSLF-FS 2016:40 ch. 4 § 9",
        ),
        sections=tuple(sections),
    )


def protocol_html(record: ProtocolRecord, keys: KeyRing, language: str) -> str:
    """A page to print."""
    return paper_html(protocol_paper(record, keys, language))


def protocol_pdf(record: ProtocolRecord, keys: KeyRing, language: str) -> bytes:
    """The same as PDF, with the signed record inside as ``protocol.json``."""
    return paper_pdf(protocol_paper(record, keys, language), attached={"protocol.json": protocol_json(record)})


def _method(text: str) -> str:
    """The method in Swedish; as it was signed where another version wrote it."""
    found = _METHOD.fullmatch(text)
    return (
        text
        if found is None
        else (
            "Alla nödöppningar, utskrifter, nekade skrivförsök och flaggade händelser; av resten "
            f"{found[1]} %, minst {found[2]}, i ordning efter SHA-256(frö, händelse)"
        )
    )


def _chain(text: str) -> str:
    """How a chain was found, in Swedish; as it was signed where another version wrote it."""
    found = _CHAIN.fullmatch(text)
    if found is None:
        return text
    name, records, head, seq, keys = found.groups()
    signed = "inte signerad" if seq is None else f"signerad till och med {seq} av {keys}"
    return f"{name}: hel, {records} poster, huvud {head}, {signed}"
