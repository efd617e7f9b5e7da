"""Each flag with an event that raises it and the nearest one that does not."""

from datetime import date

import pytest

from readonly_guard.review import FLAGS, Facts, Knowledge, Surroundings, Thresholds, flags_of, undecided

_DATA = {
    "roster": {
        "users": {
            user: {
                "hsa_id": user, "name": name, "care_unit": unit, "granted_at": "2024-11-12", "revoked_at": revoked,
                "purposes": ["TREAT"], "patients": [f"person_id:{number}"],
            }
            for user, name, unit, revoked, number in (
                ("alind", "Anna Lind", "Medicinavdelning 1", None, 301),
                ("bberg", "Birgitta Berg", "Medicinavdelning 1", None, 302),
                ("rblom", "Rolf Blom", "Kirurgmottagning", None, 303),
                ("gone", "Gun Åhs", "Medicinavdelning 1", "2026-10-06", 304),
            )
        }
    },
    "units": {"Medicinavdelning 1": {"name": "Medicinavdelning 1", "provider": "P1"}},
    "relations": {"person_id:8": {"alind": {"from": "2026-10-01", "to": "2026-10-06"}}},
    "patients": {
        "alias:7": {"person": "person_id:301"},
        "person_id:9": {"person": "person_id:9", "providers": ["P2"]},
        "person_id:10": {"person": "person_id:10", "providers": ["P1", "P2"]},
    },
}  # fmt: skip
_FACTS = Facts(
    protected=frozenset({"person_id:11"}),
    surnames={"person_id:12": "LIND", "person_id:13": "Lindgren"},
    addresses={"person_id:14": "Storgatan 1"},
    staff_addresses={"alind": "storgatan 1"},
    absences={"alind": ((date(2026, 10, 7), date(2026, 10, 9)),)},
    complaints=frozenset({"person_id:15"}),
)
_KNOWLEDGE = Knowledge.of(_DATA, _FACTS, "r1")


def _flags(*events, knowledge=_KNOWLEDGE, **thresholds):
    around = Surroundings(events, knowledge, Thresholds(**thresholds))
    return [flags_of(event, around) for event in events]


@pytest.mark.parametrize(
    ("code", "raises", "does_not"),
    [
        ("F01", {"patients": ("person_id:301",)}, {"patients": ("person_id:302",)}),
        ("F01", {"patients": ("alias:7",)}, {"patients": ("alias:8",)}),
        ("F01", {"codes": ("RG-L02",)}, {"codes": ("RG-L01",)}),
        ("F02", {"patients": ("person_id:12",)}, {"patients": ("person_id:13",)}),
        ("F02", {"patients": ("person_id:14",)}, {"patients": ("person_id:14",), "subject": "bberg"}),
        ("F03", {"patients": ("person_id:302",)}, {"patients": ("person_id:303",)}),
        ("F03", {"patients": ("person_id:302",)}, {"patients": ("person_id:301",)}),
        ("F04", {"patients": ("person_id:8",)}, {"patients": ("person_id:8",), "time": "2026-10-05T08:00:00.000000Z"}),
        ("F04", {"patients": ("person_id:8",), "subject": "bberg"}, {"patients": ("person_id:7",), "subject": "bberg"}),
        ("F04", {"warnings": ("RG-L01",)}, {"patients": ("person_id:8",), "purpose": "HLEGAL"}),
        ("F06", {"time": "2026-10-06T04:59:59.000000Z"}, {"time": "2026-10-06T05:00:00.000000Z"}),
        ("F06", {"time": "2026-10-06T16:00:00.000000Z"}, {"time": "2026-10-06T15:59:59.000000Z"}),
        ("F06", {"time": "2026-10-10T09:00:00.000000Z"}, {"time": "2026-10-09T09:00:00.000000Z"}),
        ("F07", {"patients": ("person_id:11",)}, {}),
        ("F08", {"patients": ("person_id:9",)}, {"patients": ("person_id:10",)}),
        ("F08", {"codes": ("RG-U02",)}, {}),
        ("F09", {"action": "print"}, {"action": "print", "print_reason": "MEDICAL_NEED"}),
        ("F09", {"action": "print", "print_reason": "Bra att ha"}, {"action": "read"}),
        ("F11", {"purpose": "ETREAT"}, {}),
        ("F12", {"subject": "gone"}, {"subject": "gone", "time": "2026-10-05T08:00:00.000000Z"}),
        ("F12", {"time": "2026-10-07T08:00:00.000000Z"}, {"time": "2026-10-09T08:00:00.000000Z"}),
        ("F13", {"action": "search", "rows": 500}, {"action": "search", "rows": 499}),
        ("F13", {"codes": ("RG-Q01",)}, {"action": "read", "rows": 5_000}),
        ("F14", {"warnings": ("RG-N90",)}, {}),
        ("F15", {"patients": ("person_id:15",)}, {}),
    ],
)
def test_a_flag_and_its_nearest_neighbour(event, code, raises, does_not):
    assert code in _flags(event(**raises))[0]
    assert code not in _flags(event(**does_not))[0]


def test_volume_is_compared_with_the_units_median_that_month(event):
    ordinary = [
        event(decision_id=f"{user}{day}", subject=user, patients=(f"person_id:{day}",), time=f"2026-10-{day:02}T09:00:00.000000Z")
        for user in ("bberg", "rblom") for day in (5, 6, 7)
    ]  # fmt: skip
    many = [event(decision_id=f"m{number}", patients=(f"person_id:{100 + number}",)) for number in range(15)]
    found = _flags(*ordinary, *many)
    assert [("F05" in flags) for flags in found] == [False] * 6 + [True] * 15
    assert not any("F05" in flags for flags in _flags(*ordinary, *many[:14]))  # fewer than the minimum
    assert not any("F05" in flags for flags in _flags(*many))  # nobody to compare with
    assert not any("F05" in flags for flags in _flags(*ordinary, *many, volume_factor=15.0))


def test_write_attempts_count_in_a_day(event):
    writes = [
        event(decision_id=str(n), action="write", verdict="deny", codes=("RG-W02",), time=f"2026-10-06T0{7 + n}:00:00.000000Z")
        for n in range(3)
    ]  # fmt: skip
    assert all("F10" in flags for flags in _flags(*writes))
    assert not any("F10" in flags for flags in _flags(*writes[:2]))
    assert not any("F10" in flags for flags in _flags(*writes, write_attempts=4))


def test_a_unit_that_works_at_all_hours_has_no_f06(event):
    night = event(time="2026-10-06T02:00:00.000000Z")
    assert "F06" not in _flags(night, around_the_clock=("Medicinavdelning 1",))[0]


def test_what_cannot_be_decided_is_said_and_never_raised(event):
    without = Knowledge.of(_DATA, Facts(), "r1")
    assert undecided(Facts()) == ("F02", "F07", "F12", "F15")
    assert undecided(_FACTS) == ()
    named = event(patients=("person_id:11", "person_id:12", "person_id:15"))
    assert _flags(named, knowledge=without) == [()]


def test_there_are_fifteen_and_each_asks_a_question_in_both_languages():
    assert list(FLAGS) == [f"F{number:02}" for number in range(1, 16)]
    for flag in FLAGS.values():
        assert flag.question_sv.endswith("?")
        assert flag.question_en.endswith("?")
