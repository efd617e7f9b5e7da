import pytest

from readonly_guard.audit import Entry, Selection, parse_moment
from readonly_guard.domain import ReadingRecord, SessionRecord
from readonly_guard.errors import ConfigurationError


@pytest.fixture
def entries(decision, completion):
    def at(hour):
        return f"2026-03-01T{hour:02d}:00:00.000000Z"

    session = SessionRecord(
        session_id="s",
        time=at(1),
        event="opened",
        subject="anna",
        database="",
        client_address="",
        application_name="",
        listener="",
    )
    records = [
        session,
        decision(
            2, time=at(2), subject="anna", hsa_id="SE1", care_unit="A", patients=("person_id:7", "alias:19121212")
        ),
        completion(2, time=at(3), decision_id=decision(2).decision_id),
        decision(
            4, time=at(4), subject="bo", care_unit="B", codes=("RG-W05",), verdict="deny", patients=("person_id:77",)
        ),
        decision(5, time=at(5), subject="bo", care_unit="A", warnings=("RG-N90",)),
        completion(5, time=at(6), decision_id=decision(5).decision_id),
        ReadingRecord(time=at(7), actor="root", host="h", command="show", selection=()),
    ]
    return [Entry(seq=number, hash="", record=record) for number, record in enumerate(records, 1)]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7]),
        ({"user": "anna"}, [1, 2, 3]),
        ({"user": "SE1"}, [2, 3]),
        ({"patient": "7"}, [2, 3]),
        ({"patient": "person_id:7"}, [2, 3]),
        ({"patient": "person_id:77"}, [4]),
        ({"patient": "person_id"}, []),
        ({"unit": "A"}, [2, 3, 5, 6]),
        ({"code": "RG-W05"}, [4]),
        ({"code": "RG-N90"}, [5, 6]),
        ({"decision": "00000000-0000-4000-8000-000000000005"}, [5, 6]),
        ({"denied": True}, [4]),
        ({"user": "bo", "unit": "A"}, [5, 6]),
        ({"since": "2026-03-01T04:00:00.000000Z"}, [4, 5, 6, 7]),
        ({"since": "2026-03-01T04:00:00.000000Z", "until": "2026-03-01T05:00:00.000000Z"}, [4]),
        ({"user": "nobody"}, []),
    ],
)
def test_what_is_asked_for_is_found_with_its_completions(entries, asked, found):
    assert [entry.seq for entry in Selection(**asked).among(entries)] == found


def test_what_was_asked_for_can_be_told():
    assert Selection(user="anna", denied=True).told() == {"user": "anna", "denied": "True"}
    assert Selection().told() == {}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", "2026-03-01T00:00:00.000000Z"),
        ("2026-03-01T08:00", "2026-03-01T08:00:00.000000Z"),
        ("2026-03-01T08:00+01:00", "2026-03-01T07:00:00.000000Z"),
        ("2026-03-01T08:00:00.5Z", "2026-03-01T08:00:00.500000Z"),
    ],
)
def test_moments_are_utc_unless_they_say_otherwise(text, moment):
    assert parse_moment(text, "--since") == moment


def test_what_is_no_moment_is_named():
    with pytest.raises(ConfigurationError, match="--until: 'yesterday' is no moment; write 2026-03-01"):
        parse_moment("yesterday", "--until")
