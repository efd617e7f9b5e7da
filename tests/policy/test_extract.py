"""What a rule is handed of a question, and by what its value is remembered."""

from typing import Any

import msgspec
import pytest

from readonly_guard.policy.extract import Extract, document_of

FIELDS = {("subject", "id"), ("context", "purpose"), ("context", "time"), ("context", "facts", "user"), ("resources",)}


def document(request_of: Any, **changes: Any) -> dict[str, Any]:
    return document_of(request_of(**changes))


def test_what_is_read_is_handed_over(request_of: Any) -> None:
    facts = {"user": {"name": "x"}, "relations": {"person_id:1": {}}}
    question = document(request_of, context={"facts": facts})
    assert Extract(FIELDS)(question) == {
        "subject": {"id": "anna"},
        "resources": question["resources"],
        "context": {"purpose": "TREAT", "time": "2025-03-03T10:00:00.000000Z", "facts": {"user": {"name": "x"}}},
    }


def test_all_of_it_where_all_is_read(request_of: Any) -> None:
    question = document(request_of)
    assert Extract({()})(question) == question


def test_the_question_is_left_as_it_is(request_of: Any) -> None:
    question = document(request_of, context={"facts": {"user": None, "unit": None}})
    before = msgspec.json.encode(question)
    for fields in (FIELDS, {("context",)}, {()}):
        Extract(fields)(question)
        Extract(fields).key(question)
    assert msgspec.json.encode(question) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "other"},
        {"context": {"time": "2030-01-01T00:00:00Z"}},
        {"context": {"listener": "other"}},
        {"context": {"patients": ["person_id:9"]}},
        {"subject": {"properties": {"assurance_level": 4}}},
    ],
    ids=repr,
)
def test_what_the_rule_does_not_see_and_the_time_make_no_other_question(
    request_of: Any, changes: dict[str, Any]
) -> None:
    extract = Extract(FIELDS)
    assert extract.key(document(request_of, **changes)) == extract.key(document(request_of))


DIFFERENT = [
    {},
    {"subject": {"id": "bo"}},
    {"resources": []},
    {"context": {"purpose": None}},
    {"context": {"purpose": "ETREAT"}},
    {"context": {"facts": {"user": None}}},
    {"context": {"facts": {"user": {}}}},
    {"context": {"facts": {"user": {"name": "x"}}}},
]


@pytest.mark.parametrize("fields", [FIELDS, {("context",), ("subject",), ("resources",)}, {()}], ids=len)
def test_whatever_else_differs_is_another_question(request_of: Any, fields: set[tuple[str, ...]]) -> None:
    extract = Extract(fields)
    keys = {extract.key(document(request_of, **changes)) for changes in DIFFERENT}
    assert len(keys) == len(DIFFERENT)


def test_a_field_that_is_missing_is_not_null(request_of: Any) -> None:
    question = document(request_of)
    without = question | {"context": {"time": "2025-03-03T10:00:00Z"}}
    null = question | {"context": {"time": "2025-03-03T10:00:00Z", "purpose": None}}
    assert Extract(FIELDS).key(without) != Extract(FIELDS).key(null)


@pytest.mark.parametrize(("fields", "is_timed"), [(FIELDS, True), ({()}, True), ({("context",)}, True), ({("subject",)}, False)])  # fmt: skip
def test_whether_time_is_read(fields: set[tuple[str, ...]], is_timed: bool) -> None:
    assert Extract(fields).is_timed is is_timed
