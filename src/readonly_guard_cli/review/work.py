"""What the commands of `readonly-guard review` do: they sit at the desk and say what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import typer
from rich.table import Table

from readonly_guard.audit import KeyRing, Verification, parse_moment
from readonly_guard.domain import ProtocolRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339
from readonly_guard.review import (
    CONCLUDED,
    FLAGS,
    SWEDEN,
    BrokenLog,
    Case,
    Desk,
    Event,
    History,
    Period,
    State,
    Step,
    Store,
    explain_code,
    in_sweden,
    late_total,
    list_csv,
    make_extract,
    open_event,
    paper_html,
    paper_pdf,
    protocol_html,
    protocol_json,
    protocol_pdf,
    run_month,
    word,
)
from readonly_guard_cli.output import DENIED, console, visible
from readonly_guard_cli.review.common import acting, stop, write_new

__all__ = ["extract", "import_log", "list_events", "run", "select", "show", "sign", "status", "take"]


def import_log(directory: Path) -> None:
    """See the command."""
    desk = Desk.open(directory)
    try:
        imported = desk.log.bring_in()
    except BrokenLog as broken:
        stop(broken)
    _tell_chains(imported.chains)
    console.print(f"imported: {imported.decisions:,} decisions")


def run(directory: Path, by: str) -> None:
    """See the command."""
    try:
        done = run_month(Desk.open(directory), acting(by))
    except BrokenLog as broken:
        stop(broken)
    _tell_chains(done.imported.chains)
    console.print(f"imported: {done.imported.decisions:,} decisions")
    for made in done.selected:
        console.print(
            f"{visible(made.unit)}, {made.period}: {len(made.events):,} of {made.population:,} events selected"
        )
    for unit in done.without_reviewer:
        console.print(f"{visible(unit)}: had events, and review.toml names nobody to review them", style="yellow")
    late = 0 if done.late is None else late_total(done.late)
    if late:
        console.print(f"added or changed in read mode: {late:,} rows", style="red")
    if done.overdue:
        console.print(f"overdue: {done.overdue:,} events", style="red")
    if late or done.overdue or done.without_reviewer:
        raise typer.Exit(DENIED)


def select(directory: Path, by: str, period: str, unit: str) -> None:
    """See the command."""
    made = Desk.open(directory).select(acting(by), Period.parse(period), unit)
    console.print(f"{visible(unit)}, {period}: {len(made.events):,} of {made.population:,} events selected")
    for ground, count in sorted(Counter(made.grounds).items()):
        console.print(f"  {word('ground', ground, 'en')}: {count:,}")
    console.print(f"seed: {made.seed}")
    if made.undecided:
        console.print(f"not decided for want of facts: {', '.join(made.undecided)}")


def list_events(
    directory: Path, by: str, period: str | None, unit: str | None, state: str | None, output: Path | None
) -> None:
    """See the command."""
    if state is not None and state not in set(State):
        raise ConfigurationError(f"--state: {state!r} is none; one of {', '.join(State)}")
    desk = Desk.open(directory)
    mine = desk.plan.units_of(by)
    cases = [
        case
        for case in desk.ledger.history().cases.values()
        if case.unit in mine
        and (period is None or case.period == str(Period.parse(period)))
        and unit in {None, case.unit}
        and state in {None, case.state}
    ]
    desk.record_reading(acting(by), "list", {"cases": str(len(cases))})
    with Store.open(desk.log.store_path) as store:
        events = store.named(case.event for case in cases)
    if output is not None:
        write_new(output, list_csv(cases, events, desk.knowledge))
        console.print(f"{len(cases):,} events: {output}", soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("event", "time", "who", "patient", "action", "ground", "flags", "state", "reviewer"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"event", "time"})
    for case in cases:
        event = events.get(case.event)
        cells = ("", "", "", "") if event is None else _cells(event, desk)
        late = " (overdue)" if desk.standing.is_overdue(case) else ""
        table.add_row(
            case.event,
            *map(visible, cells),
            case.ground,
            ",".join(case.flags),
            f"{case.state}{late}",
            desk.standing.responsible(case),
        )
    console.print(table)


def show(directory: Path, by: str, event_id: str, language: str) -> None:
    """See the command."""
    desk = Desk.open(directory)
    opened = open_event(desk, acting(by), event_id)
    _tell_event(opened.case, opened.event, desk, language)
    for heading, others in (
        ("same user, within half an hour", opened.near),
        ("same patient, within thirty days", opened.same),
    ):
        if others:
            console.print(heading, style="bold")
        for other in others:
            console.print("  " + "  ".join(visible(cell) for cell in (*_cells(other, desk), ", ".join(other.codes))))


def take(
    directory: Path,
    by: str,
    step: str,
    events: Sequence[str],
    *,
    comment: str = "",
    reference: str = "",
    reviewer: str = "",
) -> None:
    """See the commands that take a step."""
    chosen = tuple(dict.fromkeys(events))
    history = Desk.open(directory).take_step(
        acting(by), Step(step), chosen, comment=comment, reference=reference, reviewer=reviewer
    )
    for event in chosen:
        console.print(f"{event}: {history.cases[event].state}")


def sign(directory: Path, by: str, period: str, unit: str, output: Path | None, language: str) -> None:
    """See the command."""
    desk, who, month = Desk.open(directory), acting(by), Period.parse(period)
    try:
        history = desk.ledger.history()
        record = history.protocols.get((str(month), unit))
        if record is None:
            record = desk.sign(who, month, unit)
            console.print(f"signed: {visible(unit)}, {month}, by {visible(record.name)} with key {record.key_id}")
        elif unit not in desk.plan.units_of(by):
            raise ConfigurationError("the unit is not yours")
    except BrokenLog as broken:
        stop(broken)
    keys = KeyRing.beside(desk.ledger.path)
    if (objection := keys.objection(record)) is not None:
        stop(BrokenLog(f"the protocol {objection}"))
    if output is not None:
        _write_protocol(record, keys, output, language)


def status(directory: Path) -> None:
    """See the command."""
    desk = Desk.open(directory)
    try:
        _tell_chains(desk.log.verify())
        history = desk.ledger.history()
    except BrokenLog as broken:
        stop(broken)
    console.print(f"the review's own chain is whole, head {history.head}", soft_wrap=True)
    overdue = 0
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for heading in ("period", "unit", "events", "answered", "overdue", "for", "protocol"):
        table.add_column(heading)
    for (period, unit), _selection in sorted(history.selections.items()):
        row, late = _status_row(desk, history, period, unit)
        overdue += late
        table.add_row(*map(visible, row))
    console.print(table)
    if overdue:
        raise typer.Exit(DENIED)


def extract(
    directory: Path,
    by: str,
    patients: Sequence[str],
    since: str,
    until: str,
    output: Path,
    names: bool,
    language: str,
) -> None:
    """See the command."""
    if output.suffix not in {".html", ".csv", ".pdf"}:
        raise ConfigurationError(f"{output}: name a file that ends in .html, .pdf or .csv")
    first, last = (_day(text, option) for text, option in ((since, "--since"), (until, "--until")))
    desk = Desk.open(directory)
    try:
        desk.log.bring_in()
    except BrokenLog as broken:
        stop(broken)
    made = make_extract(
        desk, acting(by), patients=patients, since=first, until=last, language=language, with_names=names
    )
    if output.suffix == ".csv":
        write_new(output, made.csv)
    else:
        write_new(output, paper_pdf(made.paper) if output.suffix == ".pdf" else paper_html(made.paper).encode())
    console.print(f"{made.count:,} events: {output}", soft_wrap=True)


def _day(text: str, option: str) -> str:
    """A day's first moment in Sweden; a whole moment as it is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return parse_moment(text, option)
    return rfc3339(datetime(day.year, day.month, day.day, tzinfo=SWEDEN))


def _tell_chains(chains: Sequence[Verification]) -> None:
    for found in chains:
        signed = f", signed up to {found.signed.seq:,}" if found.seals else ", not signed"
        console.print(f"{visible(found.chain)}: whole, {found.records:,} records{signed}", style="green")


def _cells(event: Event, desk: Desk) -> tuple[str, str, str, str]:
    moment = in_sweden(event.time).strftime("%Y-%m-%d %H:%M")
    return moment, desk.knowledge.name_of(event.subject), ", ".join(event.people), event.activity


def _tell_event(case: Case, event: Event, desk: Desk, language: str) -> None:
    facts = {
        "log": f"{event.chain}:{event.seq}",
        "time": in_sweden(event.time).isoformat(sep=" ", timespec="seconds"),
        "who": f"{desk.knowledge.name_of(event.subject)} ({event.subject}, {event.hsa_id}), "
        f"{desk.knowledge.title_of(event.subject)}, {event.care_unit}",
        "patient": ", ".join(event.people),
        "keys": ", ".join(event.patients) if event.people != event.patients else "",
        "action": f"{event.activity}: {', '.join(event.information_sets) or ', '.join(event.relations)}",
        "purpose": desk.knowledge.purpose(event.purpose, language),
        "reason": event.justification or event.print_reason or event.case_reference,
        "outcome": word("verdict", event.verdict, language),
        "routine": f"{event.routine}, policy {event.policy_revision}",
        "ground": word("ground", case.ground, language),
        "state": f"{word('state', case.state, language)}, for {desk.standing.responsible(case)}",
    }
    for name, text in facts.items():
        console.print(f"{name:>8}  {visible(text)}", soft_wrap=True)
    for code in (*event.codes, *event.warnings):
        console.print(f"    code  {visible(code)}  {explain_code(code, language)}")
    for code in case.flags:
        flag = FLAGS[code]
        console.print(f"    flag  {code}  {flag.question_sv if language == 'sv' else flag.question_en}", style="yellow")
    for step in case.steps:
        said = f"  {step.comment}" if step.comment else ""
        console.print(
            f"    step  {step.time[:19]}  {visible(step.actor)}  {word('step', step.step, language)}{visible(said)}"
        )


def _status_row(desk: Desk, history: History, period: str, unit: str) -> tuple[tuple[str, ...], int]:
    cases = history.of(period, unit)
    answered = sum(case.state in CONCLUDED for case in cases)
    overdue = sum(desk.standing.is_overdue(case) for case in cases)
    due = sorted({desk.standing.responsible(case) for case in cases if case.state not in CONCLUDED})
    protocol = history.protocols.get((period, unit))
    signed = "" if protocol is None else f"{protocol.time[:10]} {protocol.actor}"
    return (period, unit, str(len(cases)), str(answered), str(overdue), ", ".join(due), signed), overdue


def _write_protocol(record: ProtocolRecord, keys: KeyRing, output: Path, language: str) -> None:
    forms = {
        ".json": protocol_json(record),
        ".html": protocol_html(record, keys, language).encode(),
        ".pdf": protocol_pdf(record, keys, language),
    }
    for suffix, data in forms.items():
        path = output.with_name(output.name + suffix)
        write_new(path, data)
        console.print(str(path), soft_wrap=True)
