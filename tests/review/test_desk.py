"""Who may do what, when; and that everything done is in a chain."""

import hashlib
import json
from datetime import timedelta

import msgspec
import pytest

from readonly_guard import ConfigurationError
from readonly_guard.audit import KeyRing, read
from readonly_guard.domain import ProtocolRecord, ReadingRecord
from readonly_guard.review import (
    Actor,
    BrokenLog,
    Desk,
    NotPossible,
    Period,
    State,
    Step,
    Store,
    list_csv,
    protocol_html,
    protocol_json,
)

from .conftest import MANAGER, MONTH, SUPERIOR, UNIT, open_event

OUTSIDER = Actor(user="yhaddad", via="test")


def _cases(desk, ground=None, reviewer="enyman"):
    return [
        c for c in desk.ledger.history().of("2026-10", UNIT) if c.reviewer == reviewer and ground in {None, c.ground}
    ]


class TestSelecting:
    def test_everything_that_must_be_is_selected_and_the_rest_is_the_sample_drawn_by_hand(self, desk):
        made = desk.ledger.history().selections["2026-10", UNIT]
        with Store.open(desk.log.store_path) as store:
            events = store.of_unit(UNIT, MONTH)
            (head,) = store.period_heads(MONTH)
        grounds = dict(zip(made.events, made.grounds, strict=True))
        for event in events:
            if event.purpose == "ETREAT":
                assert grounds[event.decision_id] == "emergency"
            elif event.action == "print":
                assert grounds[event.decision_id] == "print"
            elif event.action == "write":
                assert grounds[event.decision_id] == "write"
        assert made.seed == hashlib.sha256(f"2026-10\n{UNIT}\n{head}\n".encode()).hexdigest()
        rest = [event.decision_id for event in events if grounds.get(event.decision_id, "sample") == "sample"]
        assert (len(rest), len(events)) == (made.rest, made.population)
        by_hand = sorted(rest, key=lambda name: hashlib.sha256((made.seed + name).encode()).hexdigest())
        assert {e for e, ground in grounds.items() if ground == "sample"} == set(
            by_hand[: max(10, -(-made.rest // 10))]
        )

    def test_the_planted_are_flagged(self, desk):
        made = desk.ledger.history().selections["2026-10", UNIT]
        raised = {code for flags in made.flags for code in flags.split(",")}
        assert raised >= {"F01", "F02", "F03", "F05", "F06", "F07", "F09", "F10", "F11", "F13", "F15"}
        assert made.undecided == ("F12",)

    def test_it_is_made_once_and_not_before_the_month_is_over(self, desk, clock):
        with pytest.raises(NotPossible, match="selected for 2026-10 already"):
            desk.select(MANAGER, MONTH, UNIT)
        with pytest.raises(NotPossible, match="is not over"):
            desk.select(MANAGER, Period.parse("2026-11"), UNIT)
        with pytest.raises(ConfigurationError, match="review.toml has no"):
            desk.select(MANAGER, MONTH, "Kirurgmottagning")

    def test_a_month_of_which_nothing_was_imported(self, desk):
        with pytest.raises(NotPossible, match="nothing of the log"):
            desk.select(MANAGER, Period.parse("2026-08"), UNIT)

    def test_the_managers_own_accesses_go_to_the_superior(self, desk):
        own = _cases(desk, reviewer="dekman")
        with Store.open(desk.log.store_path) as store:
            known = store.named(desk.ledger.history().cases)
        assert own
        assert {known[case.event].subject for case in own} == {"enyman"}
        assert "enyman" not in {known[case.event].subject for case in _cases(desk)}


class TestReviewing:
    def test_nobody_reviews_their_own(self, desk):
        own = _cases(desk, reviewer="dekman")[0].event
        for step in (Step.BEGIN, Step.CLEAR):
            with pytest.raises(NotPossible, match="nobody reviews their own"):
                desk.take_step(MANAGER, step, [own])
        with pytest.raises(NotPossible, match="nobody reviews their own"):
            desk.take_step(SUPERIOR, Step.ASSIGN, [own], reviewer="enyman")
        desk.take_step(SUPERIOR, Step.CLEAR, [own])

    def test_another_units_manager_learns_nothing(self, desk):
        event = _cases(desk)[0].event
        said = set()
        for name in (event, "00000000-0000-4000-8000-000000000000"):
            with pytest.raises(NotPossible) as raised:
                desk.take_step(OUTSIDER, Step.CLEAR, [name])
            said.add(str(raised.value).replace(name, "…"))
        assert len(said) == 1

    def test_events_go_to_the_units_reviewers_only(self, desk):
        event = _cases(desk)[0].event
        with pytest.raises(NotPossible, match="is reviewed by enyman or dekman"):
            desk.take_step(MANAGER, Step.ASSIGN, [event], reviewer="yhaddad")
        assert desk.take_step(MANAGER, Step.ASSIGN, [event], reviewer="dekman").cases[event].reviewer == "dekman"
        with pytest.raises(NotPossible, match="for dekman to review"):
            desk.take_step(MANAGER, Step.CLEAR, [event])

    def test_only_the_sample_is_cleared_together_and_all_or_none(self, desk):
        sample, flagged = [c.event for c in _cases(desk, "sample")], _cases(desk, "flag")[0].event
        with pytest.raises(NotPossible, match="look at it by itself"):
            desk.take_step(MANAGER, Step.CLEAR, [*sample, flagged])
        assert {c.state for c in _cases(desk)} == {State.ASSIGNED}
        history = desk.take_step(MANAGER, Step.CLEAR, sample)
        assert {history.cases[event].state for event in sample} == {State.WITHOUT_REMARK}

    def test_the_long_way_with_its_words(self, desk):
        event = [_cases(desk, "flag")[0].event]
        with pytest.raises(NotPossible, match="a comment is needed"):
            desk.take_step(MANAGER, Step.ASK, event)
        desk.take_step(MANAGER, Step.ASK, event, comment="Varför?")
        desk.take_step(MANAGER, Step.REMARK, event, comment="Inget svar")
        with pytest.raises(NotPossible, match="MedControl"):
            desk.take_step(MANAGER, Step.ESCALATE, event)
        with pytest.raises(NotPossible, match="printable"):
            desk.take_step(MANAGER, Step.ESCALATE, event, reference="MC\n1")
        history = desk.take_step(MANAGER, Step.ESCALATE, event, reference="MC-2026-117")
        case = history.cases[event[0]]
        assert (case.state, case.reference, case.comment) == (State.ESCALATED, "MC-2026-117", "Inget svar")

    def test_a_step_is_not_taken_twice(self, desk):
        event = [_cases(desk)[0].event]
        desk.take_step(MANAGER, Step.CLEAR, event)
        with pytest.raises(NotPossible, match="clear is not possible for an event that is without_remark"):
            desk.take_step(MANAGER, Step.CLEAR, event)
        with pytest.raises(NotPossible, match="closed by signing"):
            desk.take_step(MANAGER, Step.CLOSE, event)

    def test_after_thirty_days_it_is_the_superiors(self, desk, clock):
        case = _cases(desk)[0]
        clock[0] += timedelta(days=30) - timedelta(seconds=1)
        assert (desk.standing.is_overdue(case), desk.standing.responsible(case)) == (False, "enyman")
        clock[0] += timedelta(seconds=1)
        assert (desk.standing.is_overdue(case), desk.standing.responsible(case)) == (True, "dekman")
        with pytest.raises(NotPossible, match="for dekman to review"):
            desk.take_step(MANAGER, Step.CLEAR, [case.event])
        desk.take_step(SUPERIOR, Step.CLEAR, [case.event])


class TestSigning:
    def test_nothing_is_signed_with_an_open_event_by_an_outsider_or_twice(self, nearly):
        desk = nearly
        with pytest.raises(NotPossible, match="1 of [0-9]+ events have no answer yet"):
            desk.sign(MANAGER, MONTH, UNIT)
        desk.take_step(MANAGER, Step.CLEAR, [open_event(desk)])
        with pytest.raises(NotPossible, match="not yours"):
            desk.sign(OUTSIDER, MONTH, UNIT)
        desk.sign(MANAGER, MONTH, UNIT)
        with pytest.raises(NotPossible, match="signed already"):
            desk.sign(MANAGER, MONTH, UNIT)

    def test_the_protocol_says_all_that_an_inspector_asks_for(self, nearly):
        desk, flagged = nearly, [open_event(nearly)]
        desk.take_step(MANAGER, Step.REMARK, flagged, comment="<script>alert(1)</script>")
        desk.take_step(MANAGER, Step.ESCALATE, flagged, reference="MC-2026-117")
        signed = desk.sign(MANAGER, MONTH, UNIT)
        keys = KeyRing.beside(desk.ledger.path)
        assert keys.objection(signed) is None
        assert (signed.period, signed.unit, signed.actor, signed.name) == ("2026-10", UNIT, "enyman", "Eva Nyman")
        assert signed.outcomes == (f"without_remark={signed.selected - 1}", "escalated=1")
        assert signed.references == ("MC-2026-117",)
        assert signed.routines == ("SSN14971-1865200826-94 v1.0",)
        assert signed.chains[0].startswith("journal: whole, ")
        states = {case.state for case in desk.ledger.history().cases.values()}
        assert states == {State.CLOSED, State.ESCALATED}
        history = desk.take_step(MANAGER, Step.ACT, flagged, comment="Samtal hållet")
        assert history.cases[flagged[0]].state is State.CLOSED
        for language, heading in (("sv", "Protokoll över logggranskning"), ("en", "Protocol of log review")):
            text = protocol_html(signed, keys, language)
            assert heading in text
            assert "<script" not in text
            assert "&lt;script&gt;" in text
            assert all(word in text for word in (signed.seed, signed.signature, "MC-2026-117"))
        assert msgspec.json.decode(protocol_json(signed), type=ProtocolRecord) == signed

    @pytest.mark.parametrize("change", [{"outcomes": ("without_remark=52",)}, {"unit": "X"}, {"actor": "dekman"}])
    def test_a_changed_protocol_is_told_apart(self, answered, change):
        desk = answered
        forged = msgspec.structs.replace(desk.sign(MANAGER, MONTH, UNIT), **change)
        keys = KeyRing.beside(desk.ledger.path)
        assert "did not make" in keys.objection(forged)
        assert "UNDERSKRIFTEN ÄR INTE RIKTIG" in protocol_html(forged, keys, "sv")

    def test_a_tampered_log_is_not_signed(self, answered):
        desk = answered
        segment = min((desk.directory / "journal").glob("journal-*.jsonl"))
        segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
        with pytest.raises(BrokenLog, match=f"broken: {segment.name}, line"):
            desk.sign(MANAGER, MONTH, UNIT)
        assert not desk.ledger.history().protocols

    def test_a_tampered_ledger_is_not_believed(self, desk):
        segment = min(desk.ledger.path.glob("journal-*.jsonl"))
        segment.write_bytes(segment.read_bytes().replace(b'"flag"', b'"sample"', 1))
        for attempt in (
            desk.ledger.history,
            lambda: desk.sign(MANAGER, MONTH, UNIT),
            lambda: desk.take_step(MANAGER, Step.CLEAR, ["x"]),
        ):
            with pytest.raises(ConfigurationError, match="broken|was changed"):
                attempt()

    def test_without_a_key_nothing_is_signed(self, answered):
        directory = answered.directory
        text = (directory / "review.toml").read_text().replace('signing_key = "signing.key"\n', "")
        (directory / "review.toml").write_text(text)
        with pytest.raises(ConfigurationError, match="signing_key"):
            Desk.open(directory).sign(MANAGER, MONTH, UNIT)


def test_what_was_done_and_who_looked_is_in_the_chain(desk):
    desk.record_reading(MANAGER, "show", {"decision": "d"})
    records = [entry.record for entry in read(desk.ledger.path)]
    assert [type(record).__name__ for record in records if type(record).__name__ != "SealRecord"] == [
        *("SelectionRecord", "ReviewRecord", "ReviewRecord", "ReadingRecord"),
    ]
    reading = next(record for record in records if isinstance(record, ReadingRecord))
    assert (reading.actor, reading.command, reading.selection) == ("enyman", "show", ("decision=d",))


def test_the_managers_list_has_its_columns_and_no_formula(desk):
    event = _cases(desk, "flag")[0].event
    desk.take_step(MANAGER, Step.REMARK, [event], comment='=HYPERLINK("http://x")')
    history = desk.ledger.history()
    with Store.open(desk.log.store_path) as store:
        events = store.named(history.cases)
    text = list_csv(history.cases.values(), events, desk.knowledge).decode("utf-8-sig")
    heading, *rows = text.split("\r\n")
    assert heading == (
        "Loggnr;Tidpunkt;Medarbetare;HSA-id;Befattning;Uppdrag;Vårdenhet;Patient;Patientens enhet;Åtgärd;"
        "Informationstyp;Ändamål;Orsak/ärende;Utfall;Kod;Flaggor;Bedömning;Kommentar"
    )
    assert len(rows) == len(history.cases) + 1
    assert any(";\"'=HYPERLINK(" in row for row in rows)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('superior = "dekman"', 'superior = "enyman"', "nobody reviews themselves"),
        ("journals", "journal", "unknown field `journal`|missing required field `journals`"),
        ('journals = ["journal"]', "journals = []", "at least one directory"),
        ("around_the_clock", "round_the_clock", "round_the_clock"),
        ("[thresholds]", "[thresholds]\nwork_begins = 19", "hours, 0 to 24"),
        ("[thresholds]", "[thresholds", "not valid TOML"),
        ('"facts.json"', '"fact.json"', "the facts cannot be read"),
    ],
)
def test_a_plan_that_is_wrong_says_where(directory, old, new, said):
    path = directory / "review.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigurationError, match=said):
        Desk.open(directory)


def test_facts_with_a_misspelt_key_are_refused(directory):
    (directory / "facts.json").write_text(json.dumps({"protcted": []}))
    with pytest.raises(ConfigurationError, match="protcted"):
        Desk.open(directory)
